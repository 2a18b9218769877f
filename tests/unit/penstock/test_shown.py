from __future__ import annotations

import pytest

from penstock.shown import shown


class Opaque:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [("ab", "'ab'"), ("x" * 20, "'xxxxxxxxx…"), (Opaque(), "<Opaque>"), (Opaque, "<class 'te…")],
)
def test_it_is_short_and_never_fails(value: object, text: str) -> None:
    assert shown(value, 10) == text
