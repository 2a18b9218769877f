from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.retry import Retry, Snooze
from penstock.worker.ending import closed, meant


def raised(function: Callable[[], object]) -> BaseException:
    """What calling it raises."""
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("it returned")


async def stops() -> None:
    raise StopIteration(7)


def test_a_coroutines_stop_iteration_is_itself_again() -> None:
    error = meant(raised(lambda: asyncio.run(stops())))
    assert isinstance(error, StopIteration)
    assert error.value == 7


def test_another_runtime_error_is_what_it_is() -> None:
    error = RuntimeError("coroutine raised StopIteration")  # by somebody's hand
    assert meant(error) is error


def test_sys_exit_is_told() -> None:
    assert repr(meant(SystemExit(3))) == repr(RuntimeError("the task called sys.exit(3)"))


class Later(Snooze):
    def __init__(self) -> None:
        """Sets no delay."""


class Again(Retry):
    def __init__(self, delay: object) -> None:
        self.delay = delay  # type: ignore[assignment]  # users may set anything


@pytest.mark.parametrize("error", [Later(), Again("5"), Again(-1), Again(float("inf")), Again(1e18)], ids=repr)
def test_a_wish_that_cannot_be_met_is_told_with_its_name(error: Retry | Snooze) -> None:
    told = meant(error)
    assert isinstance(told, ValueError)
    assert type(error).__name__ in str(told)
    assert told.__cause__ is error


@pytest.mark.parametrize("error", [Again(None), Again(5), Retry(), Snooze(0)], ids=repr)
def test_others_are_left_as_they_are(error: Retry | Snooze) -> None:
    assert meant(error) is error


async def test_closing_a_coroutine_is_told_from_a_generator_exit_that_it_raises() -> None:
    seen: list[bool] = []

    def looking(body: Callable[[], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None]:
        async def look() -> None:
            task = asyncio.current_task()
            try:
                await body()
            except GeneratorExit:
                seen.append(closed(task))

        return look()

    async def raises() -> None:
        raise GeneratorExit

    async def waits() -> None:
        await asyncio.Event().wait()

    await asyncio.create_task(looking(raises))
    waiting = asyncio.create_task(looking(waits))
    await asyncio.sleep(0)
    coroutine = waiting.get_coro()
    assert coroutine is not None
    coroutine.close()
    assert seen == [False, True]
