from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NotRequired, Unpack
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PositiveInt
from typing_extensions import TypedDict

from penstock import BadArgument, Depends, PenstockError, TaskContext, codec
from penstock.arguments import Arguments
from penstock.parameters import parameters


def of(function: Callable[..., Any]) -> Arguments:
    return Arguments("shop.f", parameters(function))


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Item:
    sku: str
    price: Decimal


class Order(BaseModel):
    id: UUID
    placed: datetime
    items: list[Item] = []


class Opaque:
    """Nothing that pydantic knows."""


VALUES = [
    (int, 2**70),
    (float, 0.5),
    (bool, True),
    (str, "ü"),
    (bytes, b"\x00\xff"),
    (datetime, datetime(2027, 1, 1, 9, tzinfo=UTC)),
    (timedelta, timedelta(days=1, seconds=3)),
    (UUID, UUID(int=7)),
    (Decimal, Decimal("1.10")),
    (Path, Path("a/b")),
    (Colour, Colour.RED),
    (Item, Item("a", Decimal("1.10"))),
    (Order, Order(id=UUID(int=1), placed=datetime(2027, 1, 1, tzinfo=UTC), items=[Item("b", Decimal(2))])),
    (set[int], {1, 2}),
    (tuple[int, str], (1, "a")),
    (dict[int, Item], {1: Item("c", Decimal("0.5"))}),
    (int | None, None),
    (Any, [1, None]),
]


@pytest.mark.parametrize(("type", "value"), VALUES)
def test_values_arrive_as_what_the_annotation_says(type: Any, value: object) -> None:
    def f(value): ...  # type: ignore[no-untyped-def]

    f.__annotations__["value"] = type
    arguments = of(f)
    arguments.check((value,), {})
    assert arguments.converted(codec.encode_call([value], {})) == ([value], {})
    args, kwargs = arguments.converted(codec.encode_call([], {"value": value}))
    assert [*args, *kwargs.values()] == [value]


def shipped(order: int, at: datetime, *items: Item, fast: bool = False, **notes: Path) -> None: ...


def test_each_kind_of_parameter_is_converted() -> None:
    at, item = datetime(2027, 1, 1, tzinfo=UTC), Item("a", Decimal(1))
    payload = codec.encode_call([1, at, item, item], {"fast": True, "label": Path("x")})
    args, kwargs = of(shipped).converted(payload)
    assert (tuple(args), kwargs) == ((1, at, item, item), {"fast": True, "label": Path("x")})


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        (("1x", 0), {}, r"shop\.f: order: Input should be a valid integer, .* \(got '1x'\)"),
        ((1, "soon"), {}, r"shop\.f: at: Input should be a valid datetime.* \(got 'soon'\)"),
        ((1, 0, {"sku": "a", "price": "dear"}), {}, r"shop\.f: items: price: Input should be a valid decimal"),
        ((1, 0), {"fast": "perhaps"}, r"shop\.f: fast: Input should be a valid boolean"),
        ((1, 0), {"label": 7}, r"shop\.f: label: Input is not a valid path"),
    ],
)
def test_what_an_annotation_refuses_is_named_before_it_is_sent_and_after(
    args: tuple[object, ...], kwargs: dict[str, object], complaint: str
) -> None:
    arguments = of(shipped)
    with pytest.raises(BadArgument, match=complaint):
        arguments.check(args, kwargs)
    with pytest.raises(BadArgument, match=complaint):
        arguments.converted(codec.encode_call(args, kwargs))


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((), {}, "missing a required argument: 'order'"),
        ((1,), {"order": 1}, "multiple values for argument 'order'"),
        ((1,), {}, "missing a required argument: 'at'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    args: tuple[object, ...], kwargs: dict[str, object], complaint: str
) -> None:
    with pytest.raises(TypeError, match=rf"shop\.f\(order: .*\).*: .*{complaint}") as refused:
        of(shipped).check(args, kwargs)
    assert isinstance(refused.value, PenstockError)


def test_long_values_are_told_in_short() -> None:
    with pytest.raises(BadArgument) as refused:
        of(shipped).check(("x" * 1000, 0), {})
    assert len(str(refused.value)) < 300


def test_what_is_injected_is_not_submitted() -> None:
    def f(a: int, context: TaskContext, b: str = "b", made: int = Depends(int), *, c: float = 1.5) -> None: ...

    arguments, context = of(f), TaskContext()
    with pytest.raises(TypeError, match="unexpected keyword argument 'context'"):
        arguments.check((1,), {"context": 1})
    values = arguments.converted(b'[[1,"x"],{"c":2.5}]')
    args, kwargs = arguments.with_injected(values, {"context": context, "made": 7})
    assert inspect.signature(f).bind(*args, **kwargs).arguments == {
        "a": 1, "context": context, "b": "x", "made": 7, "c": 2.5
    }  # fmt: skip


def test_an_annotation_that_means_nothing_to_pydantic_is_not_checked() -> None:
    def f(odd: Opaque, constrained: PositiveInt = 1) -> None: ...

    arguments = of(f)
    assert arguments.converted(b'[[{"a":1}],{}]') == ([{"a": 1}], {})
    with pytest.raises(BadArgument, match="constrained: Input should be greater than 0"):
        arguments.check((1, 0), {})


@given(st.lists(st.integers(), max_size=4), st.dictionaries(st.sampled_from("abcd"), st.integers()))
def test_the_usual_call_is_bound_as_python_would(args: list[int], kwargs: dict[str, int]) -> None:
    def f(a: int, b: int = 2, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    try:
        expected = f(*args, **kwargs)
    except TypeError:
        with pytest.raises(BadArgument):
            of(f).check(args, kwargs)
        return
    given_args, given_kwargs = of(f).converted(codec.encode_call(args, kwargs))
    assert f(*given_args, **given_kwargs) == expected


names = st.sampled_from(["a", "b", "c", "d"])


@given(st.lists(st.integers(), max_size=4), st.dictionaries(names, st.integers()))
def test_a_call_by_names_fits_exactly_where_python_takes_it(args: list[int], kwargs: dict[str, int]) -> None:
    def call(a: int, b: str, c: int = 3) -> tuple[int, str, int]:
        return a, b, c

    def plain(a: object, b: object, c: object = 3) -> tuple[object, object, object]:
        return a, b, c

    arguments = of(plain)
    try:
        wanted = plain(*args, **kwargs)
    except TypeError:
        with pytest.raises(BadArgument):
            arguments.check(args, kwargs)
        return
    arguments.check(args, kwargs)
    given_args, given_kwargs = arguments.converted(codec.encode_call(args, kwargs))
    assert plain(*given_args, **given_kwargs) == wanted
    assert "b" not in kwargs or _refused(of(call), args, kwargs)


def _refused(arguments: Arguments, args: list[int], kwargs: dict[str, int]) -> bool:
    """A value by its name is checked as one by its position."""
    with pytest.raises(BadArgument, match="b: "):
        arguments.check(args, kwargs)
    return True


class Fields(TypedDict):
    day: date
    count: NotRequired[int]


def test_options_of_a_typed_dict_are_its_fields() -> None:
    def f(name: str, **options: Unpack[Fields]) -> None: ...

    arguments = of(f)
    arguments.check(("a",), {"day": date(2027, 1, 1), "count": 2})
    payload = arguments.encoded(("a",), {"day": date(2027, 1, 1)})
    assert arguments.converted(payload) == (("a",), {"day": date(2027, 1, 1)})
    for wrong in ({}, {"day": "yes"}, {"day": date(2027, 1, 1), "other": 1}, {"day": date(2027, 1, 1), "count": "x"}):
        with pytest.raises(BadArgument, match="options: "):
            arguments.check(("a",), wrong)
