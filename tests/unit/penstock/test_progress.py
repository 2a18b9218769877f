from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.progress import MOST_DATA_BYTES, MOST_MESSAGE_CHARACTERS, Progress, read


class Mute:
    def __str__(self) -> str:
        raise ValueError("no")

    __repr__ = __str__


anything = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.decimals(), st.fractions(), st.text(), st.builds(Mute)
)
datas = st.none() | st.dictionaries(st.text(), anything | st.lists(anything))


@given(anything, anything | st.text(st.characters(exclude_categories=[])), datas)
def test_whatever_is_said_can_be_told(percent: object, message: object, data: Mapping[str, object] | None) -> None:
    said, problems = read(percent, message, data)
    told = msgspec.json.decode(said.json)
    assert told["percent"] is None or 0 <= told["percent"] <= 100
    assert len(told["message"]) <= MOST_MESSAGE_CHARACTERS
    assert all(isinstance(problem, str) for problem in problems)


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(50, 50.0), (Decimal("12.5"), 12.5), (Fraction(1, 2), 0.5), (100.0000000003, 100.0), (-1e-9, 0.0), (True, 1.0)],
)
def test_any_number_is_a_percentage(percent: Any, shown: float) -> None:
    assert read(percent, "", None) == (Progress(shown), [])


@pytest.mark.parametrize("percent", ["30", math.nan, math.inf, -1, 100.1, object(), 10**400, Mute()], ids=type)
def test_what_is_none_is_left_out_with_the_reason(percent: Any) -> None:
    said, [problem] = read(percent, "half", None)
    assert said == Progress(None, "half")
    assert "use a number from 0 to 100" in problem


@pytest.mark.parametrize(
    ("message", "shown"), [(Path("/tmp"), "/tmp"), (ValueError("x"), "x"), ("caf\udce9", r"caf\udce9"), (7, "7")]
)
def test_a_message_is_whatever_can_be_text(message: object, shown: str) -> None:
    assert read(None, message, None) == (Progress(None, shown), [])


def test_data_is_a_bounded_json_object() -> None:
    said, problems = read(1, "", {"rows": [1, 2]})
    assert (msgspec.json.decode(said.json), problems) == ({"percent": 1.0, "message": "", "data": {"rows": [1, 2]}}, [])
    for odd in ({"x": "y" * MOST_DATA_BYTES}, {"x": object()}, {"x": math.nan}):
        said, [problem] = read(1, "", odd)
        assert said == Progress(1.0)
        assert problem.startswith("data: ")
