from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from penstock.definition import Definition, Options
from penstock.errors import BadResult, ResultTooLarge
from penstock.worker import result as module
from penstock.worker.result import encoded
from tests.naming import named


@dataclass
class Receipt:
    number: int


def returning(annotation: object) -> Definition:
    def function() -> None: ...

    function.__annotations__["return"] = annotation
    return Definition("shop.f", function, Options("shop"))


@pytest.mark.parametrize(
    ("annotation", "value", "data"),
    [
        (int, 1, b"1"),
        (float, 1, b"1"),
        (int | None, None, b"null"),
        (list[int], [1], b"[1]"),
        (list[Any], [1, "x"], b'[1,"x"]'),
        (dict[str, int], {"a": 1}, b'{"a":1}'),
        (Receipt, Receipt(7), b'{"number":7}'),
        (Receipt, {"number": 7}, b'{"number":7}'),
        (bytes, b"x", b'"eA=="'),
        (None, 1, b"1"),
        (Any, 1, b"1"),
    ],
    ids=str,
)
def test_what_fits_its_annotation_is_sent(annotation: object, value: object, data: bytes) -> None:
    assert encoded(returning(annotation), value) == data


@pytest.mark.parametrize(
    ("annotation", "value", "named"),
    [
        (int, "x", "-> int: Input should be a valid integer"),
        (int, None, "-> int"),
        (list[int], ["x"], r"-> list\[int\]: 0: Input should be"),
        (Receipt, {"number": "x"}, "-> Receipt: number: Input"),
        (dict[str, int], [], "-> dict"),
    ],
    ids=str,
)
def test_what_does_not_is_refused_with_its_name(annotation: object, value: object, named: str) -> None:
    with pytest.raises(BadResult, match=f"shop.f returned what doesn't fit its annotation {named}"):
        encoded(returning(annotation), value)


class Animal(BaseModel):
    name: str


class Dog(Animal):
    barks: bool = True


class Account(BaseModel):
    user: str
    token: str = Field("", exclude=True)


class Login(BaseModel):
    user: str
    password: SecretStr


@pytest.mark.parametrize(
    ("annotation", "value", "why"),
    [
        (Animal, Dog(name="Rex"), "a Dog would arrive as a Animal"),
        (list[Animal], [Dog(name="Rex")], "0: a Dog would arrive"),
        (Account, Account(user="a", token="b"), r"token: it is declared with Field\(exclude=True\)"),
        (Login, Login(user="a", password=SecretStr("b")), "password: a secret would arrive as asterisks"),
        (None, Login(user="a", password=SecretStr("b")), "password: a secret would arrive as asterisks"),
        (dict[str, Any], {"login": Login(user="a", password=SecretStr("b"))}, "login: password: a secret"),
        (dict[str, Any], Account(user="a", token="b"), "token: "),
        (None, [Account(user="a", token="b")], "0: token: "),
    ],
    ids=named,
)
def test_what_would_lose_something_on_its_way_is_refused(annotation: object, value: object, why: str) -> None:
    with pytest.raises(BadResult, match=why):
        encoded(returning(annotation), value)


@pytest.mark.parametrize(
    ("annotation", "value", "data"),
    [
        (Dog, Dog(name="Rex"), b'{"name":"Rex","barks":true}'),
        (Animal | Dog, Dog(name="Rex"), b'{"name":"Rex","barks":true}'),
        (Account, Account(user="a"), b'{"user":"a"}'),
        (dict[str, Any], Dog(name="Rex"), b'{"name":"Rex","barks":true}'),
        (list[int], (1, 2), b"[1,2]"),
        (str, UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (None, Dog(name="Rex"), b'{"name":"Rex","barks":true}'),
    ],
    ids=named,
)
def test_what_loses_nothing_is_sent(annotation: object, value: object, data: bytes) -> None:
    assert encoded(returning(annotation), value) == data


@pytest.mark.parametrize("kind", [int, str, float, bool, list, dict, list[Any], dict[str, Any]], ids=str)
def test_plain_ones_need_no_closer_look(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(definition: Definition, value: object, data: bytes) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(module, "_check", look)
    make: Callable[[], object] = getattr(kind, "__origin__", kind)
    encoded(returning(kind), make())


async def later() -> int:
    return 1


def some() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({(1, 2): 3}, r"the key \(1, 2\) of a dict: JSON's keys are text"),
        ({"a": [{None: 1}]}, "the key None of a dict"),
        (float("nan"), "NaN"),
        (object(), "can't travel as JSON"),
        (some(), "return a list"),
    ],
    ids=["tuple key", "None key", "NaN", "object", "generator"],
)
def test_what_cannot_be_sent_is_told(value: object, said: str) -> None:
    with pytest.raises(BadResult, match=said):
        encoded(returning(None), value)


@pytest.mark.filterwarnings("error")
def test_a_coroutine_is_told_and_nobody_misses_it() -> None:
    with pytest.raises(BadResult, match="returned a coroutine: declare the function with async def"):
        encoded(returning(None), later())


def test_it_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESULT_BYTES", 10)
    assert encoded(returning(None), "x" * 8)
    with pytest.raises(ResultTooLarge, match="store it elsewhere"):
        encoded(returning(None), "x" * 9)
