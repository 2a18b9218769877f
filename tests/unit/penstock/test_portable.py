from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.portable import difference, is_json

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=20,
)


@dataclass
class Pair:
    left: Any
    right: Any


@dataclass
class Triple(Pair):
    middle: Any = None


class Mute:
    """Compares by identity."""


@given(json)
def test_json_is_json_and_no_different_from_itself(value: object) -> None:
    assert is_json(value)
    assert difference(value, value) is None


@pytest.mark.parametrize("value", [(1,), {1}, {1: 2}, [object()], {"a": (1,)}, b"a", type("Text", (str,), {})("a")])
def test_what_json_has_no_word_for_is_none(value: object) -> None:
    assert not is_json(value)


def test_what_contains_itself_is_no_json() -> None:
    value: list[object] = []
    value.append(value)
    assert not is_json(value)


@pytest.mark.parametrize(
    ("sent", "arrived", "told"),
    [
        (Pair(1, (2, {3})), Pair(1, (2, {3})), None),
        (Pair(1, "2"), Pair(1, 2), None),  # an annotation makes something of what JSON knows
        (Mute(), Mute(), None),
        (Pair(1, (2, {3})), Pair(1, (2, [3])), "right: 1: a set would arrive as a list"),
        (Triple(1, 2, 3), Pair(1, 2), "a Triple would arrive as a Pair, without what only a Triple has"),
        ({"a": (1, 2)}, {"a": (1, 3)}, "a: 1: a int would arrive with other contents"),
        ([1, 2], [1], "a list would arrive with other contents"),
        ({1: 2}, {2: 2}, "a dict would arrive with other contents"),
    ],
)
def test_a_difference_is_told_with_its_place(sent: object, arrived: object, told: str | None) -> None:
    found = difference(sent, arrived)
    assert found is None if told is None else found is not None and found.startswith(told)


def test_where_there_is_no_annotation_json_is_what_arrives() -> None:
    asked: list[object] = []
    assert difference(Pair({1}, (2,)), Pair([1], [2]), asked.append) is None
    assert asked == [{1}, (2,)]
