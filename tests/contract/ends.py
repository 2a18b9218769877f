"""Tasks that end in every odd way, at every place where their code runs. A task's name says which: KIND.PLACE.WAY."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any

from penstock import Depends, Middleware, Penstock, Phase, Retry, Snooze, TaskContext
from penstock.declaration import TaskFields
from penstock.middleware import Execute

__all__ = [
    "CRASH",
    "DEPENDENCIES",
    "KINDS",
    "RAISED",
    "RETURNED",
    "SELF_CANCEL",
    "End",
    "Surrounding",
    "expected",
    "tasks",
]

End = tuple[Phase, str]  # of the task, and its failure's type


class Again(Retry):
    def __init__(self) -> None:
        """Doesn't call the one that it overrides."""


class Later(Snooze):
    def __init__(self) -> None:
        """Doesn't call the one that it overrides."""


class Odd(BaseException):
    pass


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


class Untyped(Exception):
    def _number(self) -> int:
        return 7

    __str__ = _number  # type: ignore[assignment]  # that is what is odd about it


class Opaque:
    def __repr__(self) -> str:
        raise ValueError("no")


# What the code raises, and the type that the failure has.
RAISED: dict[str, tuple[Callable[[], BaseException], str]] = {
    "Exception": (lambda: ValueError("odd"), "ValueError"),
    "StopIteration": (lambda: StopIteration(1), "StopIteration"),
    "StopAsyncIteration": (StopAsyncIteration, "StopAsyncIteration"),
    "GeneratorExit": (GeneratorExit, "GeneratorExit"),
    "KeyboardInterrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "SystemExit": (lambda: SystemExit(Opaque()), "RuntimeError"),
    "CancelledError": (asyncio.CancelledError, "CancelledError"),
    "BaseException": (Odd, "Odd"),
    "BaseExceptionGroup": (lambda: BaseExceptionGroup("two", [Odd(), SystemExit(1)]), "BaseExceptionGroup"),
    "mute": (Mute, "Mute"),
    "untyped": (Untyped, "Untyped"),
    "Retry in no time": (lambda: Retry(timedelta(0)), "Retry"),
    "Retry subclass": (Again, "Again"),
    "Retry at no number": (lambda: Retry(float("nan")), "ValueError"),
    "Retry at a text": (lambda: Retry("5"), "ValueError"),  # type: ignore[arg-type]  # users do
    "Retry too late": (lambda: Retry(1e18), "ValueError"),
    "Retry before": (lambda: Retry(-1), "ValueError"),
    "Snooze for ever": (lambda: Snooze(float("inf")), "ValueError"),
    "Snooze subclass": (Later, "ValueError"),
}
# What it returns, and the type of the failure; "" where it succeeds.
RETURNED: dict[str, tuple[object, str]] = {
    "value": (1, ""),
    "no JSON": (Opaque(), "BadResult"),
    "NaN": (float("nan"), "BadResult"),
    "odd keys": ({None: 1}, "BadResult"),
    "too large": ("x" * 17_000_000, "ResultTooLarge"),
}
SELF_CANCEL, CRASH = "cancels itself", "os._exit"
KINDS: dict[str, TaskFields] = {
    "async": {},
    "thread": {"run_in": "thread"},
    "loop": {"run_in": "loop"},
    "process": {"run_in": "process"},
}


def asked(context: TaskContext) -> tuple[str, str]:
    """The place and the way that a task's name says; a name has no spaces."""
    _, _, rest = context.task.replace("-", " ").partition(".")
    place, _, way = rest.partition(".")
    return place, way


def act(context: TaskContext, place: str) -> object:
    """End as the task's name says, if that is said of this place."""
    wanted, way = asked(context)
    if wanted != place or way == SELF_CANCEL:
        return None
    if way == CRASH:
        os._exit(7)
    if way in RAISED:
        raise RAISED[way][0]()
    return RETURNED[way][0]


def expected(place: str, way: str) -> End:
    """How the task ends."""
    if place.endswith("hook"):
        return Phase.SUCCEEDED, ""  # hooks only watch
    if way in (SELF_CANCEL, CRASH):
        return Phase.DEAD_LETTERED, {SELF_CANCEL: "CancelledError", CRASH: "WorkerCrashed"}[way]
    kind = RAISED[way][1] if way in RAISED else RETURNED[way][1] if place in ("function", "outside") else ""
    hidden = {"generator": ["StopIteration"], "stream": ["StopIteration", "StopAsyncIteration"]}  # by Python itself
    kind = "RuntimeError" if kind in hidden.get(place.partition(" ")[0], []) else kind
    return (Phase.DEAD_LETTERED, kind) if kind else (Phase.SUCCEEDED, "")


# --- what a function depends on ---------------------------------------------------------------------------------------


def plain(context: TaskContext) -> object:
    return act(context, "plain")


async def coroutine(context: TaskContext) -> object:
    await asyncio.sleep(0)
    return act(context, "coroutine")


def generator(context: TaskContext) -> Iterator[object]:
    act(context, "generator before")
    yield 1
    act(context, "generator after")


async def stream(context: TaskContext) -> AsyncIterator[object]:
    act(context, "stream before")
    yield 1
    await asyncio.sleep(0)
    act(context, "stream after")


DEPENDENCIES: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "coroutine": coroutine,
    "generator before": generator,
    "generator after": generator,
    "stream before": stream,
    "stream after": stream,
}


# --- the functions ----------------------------------------------------------------------------------------------------


def bare(context: TaskContext = TaskContext()) -> object:
    return act(context, "function")


def with_plain(context: TaskContext = TaskContext(), made: object = Depends(plain)) -> object:
    return act(context, "function")


def with_coroutine(context: TaskContext = TaskContext(), made: object = Depends(coroutine)) -> object:
    return act(context, "function")


def with_generator(context: TaskContext = TaskContext(), made: object = Depends(generator)) -> object:
    return act(context, "function")


def with_stream(context: TaskContext = TaskContext(), made: object = Depends(stream)) -> object:
    return act(context, "function")


_NEEDING = {plain: with_plain, coroutine: with_coroutine, generator: with_generator, stream: with_stream}


def function(kind: str, place: str) -> Callable[..., Any]:
    """One that a process of its own finds, too."""
    found = _NEEDING[DEPENDENCIES[place]] if place in DEPENDENCIES else bare
    return _awaiting(found) if kind == "async" else found


def _awaiting(found: Callable[..., object]) -> Callable[..., Coroutine[Any, Any, object]]:
    async def awaiting(context: TaskContext, *made: object) -> object:
        await asyncio.sleep(0)
        if asked(context)[1] == SELF_CANCEL:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        return found(context, *made)

    awaiting.__signature__ = inspect.signature(found)  # type: ignore[attr-defined]
    awaiting.__annotations__ = found.__annotations__
    return awaiting


def tasks(app: Penstock, kind: str, places: list[str]) -> dict[str, End]:
    """Register one for each way at each place; their names and how they are to end."""
    found: dict[str, End] = {}
    for place in places:
        ways = [*RAISED, *RETURNED]
        if place == "function":
            ways += {"async": [SELF_CANCEL], "process": [CRASH]}.get(kind, [])
        for way in ways:
            name = f"{kind}.{place}.{way}".replace(" ", "-")
            app.task(**(KINDS[kind] | {"name": name, "max_attempts": 1}))(function(kind, place))
            found[name] = expected(place, way)
    return found


class Surrounding(Middleware):
    """Hooks and a middleware with ways of their own."""

    PLACES = ("before hook", "after hook", "inside", "outside")

    def __init__(self, app: Penstock) -> None:
        app.add_middleware(self)
        app.before(lambda context: self._hook("before hook", context))
        app.after(lambda context, result: self._hook("after hook", context))

    async def _hook(self, place: str, context: TaskContext) -> None:
        await asyncio.sleep(0)
        act(context, place)

    async def execute(self, context: TaskContext, execute: Execute) -> object:
        act(context, "inside")
        result = await execute()
        instead = act(context, "outside")
        return result if instead is None else instead
