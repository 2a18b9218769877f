from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.real import real
from tests.naming import named


class Broken:
    def __float__(self) -> float:
        raise RuntimeError("no")


@given(st.floats(allow_nan=False) | st.integers(-(10**9), 10**9) | st.fractions(max_denominator=1000) | st.booleans())
def test_any_number_is_a_float(number: float) -> None:
    assert real(number) == float(number)


@pytest.mark.parametrize(
    "value", ["5", b"5", None, object(), [], 1j, Broken(), 10**400, math.nan, Decimal("NaN")], ids=named
)
def test_what_is_no_number_is_nan(value: object) -> None:
    assert math.isnan(real(value))


def test_others_numbers_are_numbers() -> None:
    assert (real(Decimal("1.5")), real(Fraction(1, 2)), real(True)) == (1.5, 0.5, 1.0)
