from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from penstock import ConfigurationError
from penstock.patience import checked_patience


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), (0, 0.0), (1.5, 1.5), (Decimal("1.5"), 1.5), (timedelta(minutes=1), 60.0), (math.inf, None)],
)
def test_seconds_are_taken_as_they_are_given(given: Any, seconds: float | None) -> None:
    assert checked_patience("result", "timeout", given) == seconds


@pytest.mark.parametrize("given", [-1, -0.001, math.nan, -math.inf, "5", True, timedelta(seconds=-1)])
def test_what_is_no_time_is_refused_by_name(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"result\(timeout=.*\): use 0 or more seconds"):
        checked_patience("result", "timeout", given)


@pytest.mark.parametrize("given", [0, -1, math.nan])
def test_an_interval_must_be_above_zero(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"stream\(interval=.*\): use more than 0 seconds"):
        checked_patience("stream", "interval", given, above=True)
