"""Exceptions as data: they are told, compared by name and never rebuilt."""

from __future__ import annotations

import traceback
from types import TracebackType

from penstock.errors import BadResult
from penstock.outcome import Failure
from penstock.retry import Retry
from penstock.shown import message_of

__all__ = ["described", "lineage", "name_of"]

UNNAMED = "(its class can't be shown)"
_CALLERS = ("penstock.worker.", "concurrent.futures.", "asyncio.", "contextlib")


def name_of(kind: type[BaseException]) -> str:
    """A class by its module and name. A script's own module goes by another name in a child."""
    try:
        module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__
        return f"{module}.{kind.__qualname__}"
    except BaseException:  # a metaclass may define them as anything
        return UNNAMED


def lineage(kind: type[BaseException]) -> tuple[str, ...]:
    """The names of a class and of all exceptions that it derives from."""
    return tuple(name_of(base) for base in kind.__mro__ if issubclass(base, BaseException))


def described(error: BaseException) -> Failure:
    """The exception as data; retryable as far as it goes by itself."""
    return Failure.bounded(_class(error), message_of(error) + _because(error), _trace(error), retryable=True)


def _class(error: BaseException) -> str:
    try:
        return str(type(error).__qualname__)
    except BaseException:
        return UNNAMED


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, _shown_part(error)))
    except BaseException:  # a class may define its notes or causes as anything
        return "(its traceback can't be shown)"


def _because(error: BaseException) -> str:
    """`raise Retry(…) from error` says by itself only that there was one."""
    if not isinstance(error, Retry):
        return ""
    try:
        cause = error.__cause__
    except BaseException:  # a subclass may define it as anything
        return ""
    return "" if cause is None else f": {_class(cause)}: {message_of(cause)}"


def _shown_part(error: BaseException) -> TracebackType | None:
    """The traceback without the frames above the task: how a worker calls it says nothing to its author. Nor where it
    found out that the result is no use."""
    part = trace = error.__traceback__
    while part is not None and part.tb_frame.f_globals.get("__name__", "").startswith(_CALLERS):
        part = part.tb_next
    return part if isinstance(error, BadResult) else part or trace
