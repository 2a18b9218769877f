"""How long a caller waits for something, as it was given: checked once, before anything is asked."""

from __future__ import annotations

import math
from datetime import timedelta

from penstock.errors import ConfigurationError
from penstock.real import real

__all__ = ["Patience", "checked_patience"]

Patience = float | timedelta | None


def checked_patience(where: str, name: str, value: Patience, *, above: bool = False) -> float | None:
    """Seconds; None: without an end. `above`: 0 isn't enough. Raises ConfigurationError, which names the argument."""
    if value is None:
        return None
    given: object = value.total_seconds() if isinstance(value, timedelta) else value
    least = "more than 0" if above else "0 or more"
    seconds = math.nan if isinstance(given, bool) else real(given)
    if not _enough(seconds, above):
        raise ConfigurationError(f"{where}({name}={value!r}): use {least} seconds, a timedelta, or None for no limit")
    return None if seconds == math.inf else seconds


def _enough(seconds: float, above: bool) -> bool:
    return seconds > 0 or (seconds == 0 and not above)  # NaN is neither
