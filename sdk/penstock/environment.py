"""Reading settings as text: numbers from environment variables, lists with commas."""

from __future__ import annotations

import math
from collections.abc import Mapping

from penstock.errors import ConfigurationError

__all__ = ["names", "number"]


def number(environment: Mapping[str, str], name: str, default: float, *, least: float = 0) -> float:
    """The variable's value, `default` where it is absent or empty. Raises ConfigurationError."""
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= least):
        raise ConfigurationError(f"{name}={text!r}: use a number of at least {least:g}")
    return value


def names(text: str) -> tuple[str, ...]:
    """What stands between the commas; spaces and empty places don't count."""
    return tuple(filter(None, map(str.strip, text.split(","))))
