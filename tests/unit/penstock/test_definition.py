from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from penstock import ConfigurationError, Penstock, TaskContext
from penstock.definition import Definition, Options, Place, task_name
from tests.naming import named


def defined(function: Callable[..., Any]) -> Definition:
    return Definition("shop.f", function, Options("shop"))


async def fetch(url: str, *, context: TaskContext = TaskContext()) -> list[int]:
    return [len(url)]


def test_coroutine_functions_run_on_the_loop_and_others_in_threads() -> None:
    assert defined(fetch).is_async
    assert not defined(len).is_async
    assert (defined(fetch).place, defined(len).place) == ("loop", "thread")


@pytest.mark.parametrize(
    ("function", "place"), [(len, "loop"), (len, "thread"), (len, "process"), (fetch, "loop"), (fetch, "process")]
)
def test_a_task_may_say_where_it_runs(function: Callable[..., Any], place: Place) -> None:
    assert Definition("shop.f", function, Options("shop", run_in=place)).place == place


def test_a_coroutine_function_does_not_run_in_a_thread() -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.f: run_in='thread' is for plain functions"):
        Definition("shop.f", fetch, Options("shop", run_in="thread"))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"timeout": 0}, r"@app\.task\(timeout=0\): use more than 0 seconds"),
        ({"expires": -1}, r"@app\.task\(expires=-1\): use more than 0 seconds"),
        ({"result_ttl": 0}, r"@app\.task\(result_ttl=0\): use more than 0 seconds"),
        ({"run_in": "pod"}, r"@app\.task\(run_in='pod'\): use one of loop, thread, process"),
        ({"retry_on": ("ValueError",)}, r"@app\.task\(retry_on=.*: use exception classes, such as"),
        ({"give_up_on": (ValueError("x"),)}, r"@app\.task\(give_up_on=.*: use exception classes, such as"),
        ({"retry_on": (int,)}, r"@app\.task\(retry_on=.*: use exception classes, such as"),
        ({"retry_on": "ValueError"}, r"@app\.task\(retry_on=.*: use exception classes, such as"),
        ({"priority": "urgent"}, r"@app\.task\(priority='urgent'\): use one of critical, high, normal, low"),
    ],
)
def test_a_declaration_that_cannot_be_names_the_field_and_the_remedy(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Options("shop", **fields)


def test_a_function_that_a_child_could_not_find_again_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ConfigurationError, match="define it at the top level of a module"):
        Definition("shop.f", lambda: None, Options("shop", run_in="process"))


def test_the_context_is_found_by_its_annotation() -> None:
    assert [need.name for need in defined(fetch).parameters.needs] == ["context"]
    assert defined(lambda context: context).parameters.needs == ()


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
        defined(fetch).arguments.check(args, kwargs)


def test_arguments_that_fit_pass() -> None:
    defined(fetch).arguments.check(("a",), {})
    defined(fetch).arguments.check((), {"url": "a"})


def test_the_default_name_is_the_apps_and_the_functions() -> None:
    assert task_name("shop", fetch) == "shop.fetch"


@pytest.mark.parametrize("function", [lambda: None, partial(len)])
def test_what_has_no_name_must_be_given_one(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="pass name="):
        task_name("shop", function)


async def numbers_later() -> AsyncIterator[int]:
    yield 1


def numbers() -> Iterator[int]:
    yield 1


class Numbers:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize("function", [numbers, numbers_later, partial(numbers), Numbers()], ids=named)
def test_a_generator_is_refused_with_the_remedy(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.f: the function is a generator .*return a list"):
        defined(function)


class Fetch:
    async def __call__(self, url: str) -> int:
        return len(url)


@pytest.mark.parametrize(
    "function", [Fetch(), partial(fetch, "x"), partial(Fetch(), "x"), partial(partial(fetch))], ids=named
)
def test_what_calls_a_coroutine_function_is_one(function: Callable[..., Any]) -> None:
    assert defined(function).is_async
    assert defined(function).place == "loop"


def test_a_classmethod_is_refused_and_a_staticmethod_is_its_function() -> None:
    app = Penstock("shop", url="memory://")

    class Shop:
        @app.task
        @staticmethod
        def add(a: int, b: int) -> int:
            return a + b

    assert Shop.add(1, 2) == 3
    with pytest.raises(ConfigurationError, match=r"@app\.task on .*Mail\.send: a classmethod can't be a task"):

        class Mail:
            @app.task
            @classmethod
            def send(cls) -> None: ...


def test_what_cannot_be_called_is_refused() -> None:
    app: Any = Penstock("shop", url="memory://")
    with pytest.raises(ConfigurationError, match=r"@app\.task on 7: it isn't callable"):
        app.task(7)
