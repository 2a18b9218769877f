"""Numbers as other libraries make them (Decimal, Fraction, numpy's), as floats."""

from __future__ import annotations

import math
from typing import SupportsFloat

__all__ = ["real"]


def real(value: object) -> float:
    """The number that `value` is; NaN for whatever is none. Text is none, even where it reads like one."""
    try:
        return float(value) if isinstance(value, SupportsFloat) else math.nan
    except Exception:  # another library's, or an integer beyond a float
        return math.nan
