from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from penstock import codec
from penstock.errors import ConfigurationError

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda below: st.lists(below) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), below),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Item:
    sku: str
    price: Decimal


@dataclass(frozen=True)
class Sample:
    value: float
    unit: str


class Receipt(BaseModel):
    id: UUID
    sent: datetime
    items: list[Item] = []
    note: str | None = Field(default=None, max_length=10)


RECEIPT = Receipt(
    id=UUID(int=7), sent=datetime(2027, 1, 1, 9, tzinfo=UTC), items=[Item("a", Decimal("1.10"))], note="thanks"
)


@given(json)
def test_json_arrives_as_it_was_sent(value: object) -> None:
    assert codec.decode_value(codec.encode_value(value)) == value


@given(st.lists(json, max_size=5), st.dictionaries(st.text("abc"), json, max_size=5))
def test_a_call_arrives_as_it_was_made(args: list[object], kwargs: dict[str, object]) -> None:
    assert codec.decode_call(codec.encode_call(args, kwargs)) == (args, kwargs)


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (RECEIPT, Receipt),
        ([RECEIPT], list[Receipt]),
        (Item("a", Decimal("1.10")), Item),
        ({"a": Item("a", Decimal("0.1"))}, dict[str, Item]),
        (datetime(2027, 1, 1, 9, 30, 0, 250_000, tzinfo=UTC), datetime),
        (date(2027, 1, 1), date),
        (timedelta(days=1, seconds=3), timedelta),
        (Decimal("12345678901234567890.10"), Decimal),
        (UUID(int=1), UUID),
        (Colour.RED, Colour),
        (Point(1, 2), Point),
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        ({1: "a"}, dict[int, str]),
        (2**70, int),
        (-(2**70), int),
        (None, int | None),
    ],
)
def test_a_result_is_converted_back_by_its_annotation(value: object, type: object) -> None:
    assert codec.decode_value(codec.encode_value(value), type) == value


def test_bytes_arrive_as_they_were_sent() -> None:
    assert codec.decode_value(codec.encode_value(b"abc"), bytes) == b"abc"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize(
    "around", [lambda x: x, lambda x: [None, {"deep": (1, x)}], lambda x: Sample(x, "null"), lambda x: {1: [x]}]
)
def test_a_float_beyond_json_is_refused(number: float, around: Callable[[float], object]) -> None:
    with pytest.raises(ConfigurationError, match="NaN or an infinity, which JSON can't say"):
        codec.encode_value(around(number))


def test_the_word_null_is_no_float_beyond_json() -> None:
    value = {"null": ["null", None, Sample(1.5, "null")]}
    assert codec.decode_value(codec.encode_value(value)) == {"null": ["null", None, {"value": 1.5, "unit": "null"}]}


def test_a_call_without_arguments_is_always_the_same_bytes() -> None:
    assert codec.encode_call((), {}) == codec.encode_value([[], {}]) == codec.NO_ARGUMENTS
    first, second = codec.decode_call(codec.NO_ARGUMENTS), codec.decode_call(codec.NO_ARGUMENTS)
    first[0].append(1)
    assert second == ([], {})  # nobody shares them


def test_without_an_annotation_a_result_is_plain_json() -> None:
    assert codec.decode_value(codec.encode_value(Item("a", Decimal("1.10")))) == {"sku": "a", "price": "1.10"}


@pytest.mark.parametrize("value", [object(), lambda: None, {"deep": [object()]}, "\udcff"])
def test_what_cannot_travel_says_so_and_what_to_use(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"can't travel as JSON: .*use plain data, a dataclass or a pydantic"):
        codec.encode_value(value)


def test_the_message_names_the_type() -> None:
    with pytest.raises(ConfigurationError, match="a value of type TestSocket can't travel"):
        codec.encode_value(type("TestSocket", (), {})())


@pytest.mark.parametrize("payload", [b"", b"null", b"[[]]", b"[[],[]]", b"[{},{}]", b"[[],{},1]", b"{"])
def test_what_is_no_call_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        codec.decode_call(payload)
