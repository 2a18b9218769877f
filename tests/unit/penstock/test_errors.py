from __future__ import annotations

import re
from itertools import pairwise

import pytest

from penstock import errors
from penstock.errors import ApiRefused, PenstockError, TaskFailed


def drawn() -> dict[str, str | None]:
    """class → its base, as the docstring draws them."""
    way: list[tuple[int, str]] = []
    found: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└─ ]*)([A-Z]\w+)(  |$)", line):
            depth, name = len(match[1]), match[2]
            way = [step for step in way if step[0] < depth] + [(depth, name)]
            found[name] = way[-2][1] if len(way) > 1 else None
    return found


def classes() -> dict[str, type[Exception]]:
    return {
        name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    }


def test_the_tree_is_as_drawn() -> None:
    bases = {name: kind.__base__.__name__ if kind.__base__ else "" for name, kind in classes().items()}
    assert bases == {name: base or "Exception" for name, base in drawn().items()}


def test_all_of_them_are_exported() -> None:
    assert set(errors.__all__) == set(classes())
    assert all(first < second for first, second in pairwise(errors.__all__))


def test_all_of_ours_are_caught_by_the_root() -> None:
    assert all(issubclass(kind, PenstockError) for kind in classes().values())


@pytest.mark.parametrize(
    ("status", "passing"), [(408, True), (429, True), (500, True), (503, True), (404, False), (422, False)]
)
def test_some_refusals_pass(status: int, passing: bool) -> None:
    assert ApiRefused(status, "R", "m").passing == passing


def test_a_refusal_tells_what_was_said() -> None:
    error = ApiRefused(429, "TooManyRequests", "slow down", retry_after=2.0)
    assert str(error) == "the API server answered 429 TooManyRequests: slow down"
    assert (error.status, error.reason, error.message, error.retry_after) == (429, "TooManyRequests", "slow down", 2.0)


def test_a_failed_task_tells_its_exception() -> None:
    error = TaskFailed("shop.1", "ValueError", "no such account", "Traceback …")
    assert str(error) == "shop.1: ValueError: no such account"
    assert str(TaskFailed("shop.1", "ValueError", "")) == "shop.1: ValueError"
    assert (error.task_id, error.type, error.traceback) == ("shop.1", "ValueError", "Traceback …")
