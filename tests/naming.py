"""Ids of parametrised tests."""

import re


def named(value: object) -> str:
    """Its repr without addresses in memory, which differ from process to process: pytest-xdist wants the same ids in
    all of them."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
