from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from penstock.hints import hints, unresolved

if TYPE_CHECKING:
    from fractions import Fraction


def plain(a: int, b: Annotated[str, "told"]) -> list[int]: ...  # type: ignore[empty-body]  # only its signature counts


def half_known(a: Fraction, b: int) -> None: ...


class Maker:
    def __init__(self, size: int) -> None: ...


class Caller:
    def __call__(self, x: float) -> None: ...


def test_annotations_are_types_and_keep_what_is_said_of_them() -> None:
    assert hints(plain) == {"a": int, "b": Annotated[str, "told"], "return": list[int]}


def test_those_that_cannot_be_resolved_are_left_out_alone() -> None:
    assert hints(half_known) == {"b": int, "return": type(None)}


def test_whatever_can_be_called_has_them() -> None:
    found: list[dict[str, Any]] = [hints(Maker), hints(Caller()), hints(partial(plain, 1)), hints(len)]
    assert [next(iter(one), None) for one in found] == ["size", "x", "a", None]


def test_those_that_cannot_be_resolved_are_told_as_they_are_written() -> None:
    assert unresolved(half_known) == {"a": "Fraction"}
    assert not unresolved(plain)
    assert not unresolved(len)


def test_what_the_functions_around_define_is_found_where_it_is_used() -> None:
    class Local: ...

    def local(a: Local, b: Fraction) -> Local:
        return Local()

    assert hints(local) == {"a": Local, "return": Local}
    assert unresolved(local) == {"b": "Fraction"}
