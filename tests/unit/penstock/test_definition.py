from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from penstock import ConfigurationError, TaskContext
from penstock.definition import Definition, Options, task_name


def defined(function: Callable[..., Any]) -> Definition:
    return Definition("shop.f", function, Options("shop"))


async def fetch(url: str, *, context: TaskContext = TaskContext()) -> list[int]:
    return [len(url)]


def test_coroutine_functions_run_on_the_loop_and_others_in_threads() -> None:
    assert defined(fetch).is_async
    assert not defined(len).is_async


def test_the_context_is_found_by_its_annotation() -> None:
    assert defined(fetch).context_parameter == "context"
    assert defined(lambda context: context).context_parameter is None


def test_the_return_annotation_says_what_results_become() -> None:
    def nothing() -> None: ...

    def anything() -> Any: ...

    assert defined(fetch).returns == list[int]
    assert [defined(f).returns for f in (nothing, anything, lambda: 1)] == [None, None, None]


def test_annotations_that_cannot_be_resolved_count_as_absent() -> None:
    def broken() -> int:
        return 1

    broken.__annotations__["return"] = "OnlyUnderTypeChecking"
    assert defined(broken).returns is None


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((), {}, "missing a required argument: 'url'"),
        (("a", "b"), {}, "too many positional arguments"),
        (("a",), {"ur1": 1}, "unexpected keyword argument 'ur1'"),
        (("a",), {"context": 1}, "unexpected keyword argument 'context'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    args: tuple[object, ...], kwargs: dict[str, object], complaint: str
) -> None:
    with pytest.raises(TypeError, match=rf"shop\.f\(url: .*\).*: .*{complaint}"):
        defined(fetch).check(args, kwargs)


def test_arguments_that_fit_pass() -> None:
    defined(fetch).check(("a",), {})
    defined(fetch).check((), {"url": "a"})


def test_the_default_name_is_the_apps_and_the_functions() -> None:
    assert task_name("shop", fetch) == "shop.fetch"


@pytest.mark.parametrize("function", [lambda: None, partial(len)])
def test_what_has_no_name_must_be_given_one(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="pass name="):
        task_name("shop", function)
