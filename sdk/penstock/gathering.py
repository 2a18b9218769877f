"""Many handles at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any, TypeVar, cast

from penstock.codec import SHOWN_LENGTH
from penstock.errors import ConfigurationError, ResultExpired, ResultTimeout
from penstock.handle import Handle
from penstock.patience import Patience, checked_patience
from penstock.shown import shown
from penstock.status import Phase
from penstock.stopping import stopped

__all__ = ["as_completed", "gather"]

R = TypeVar("R")


async def as_completed(handles: Iterable[Handle[R]], timeout: Patience) -> AsyncGenerator[Handle[R], None]:
    """Each handle when its task has ended, however that was, or nothing is known of it any more. Raises ResultTimeout
    for those that haven't within `timeout` seconds, SubmissionError when the broker can't be reached."""
    seconds = checked_patience("as_completed", "timeout", timeout)
    waits = {asyncio.create_task(handle.wait()): handle for handle in _checked(handles)}
    pending, ends = set(waits), None if seconds is None else time.monotonic() + seconds
    try:
        while pending:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise ResultTimeout(f"{len(pending)} of {len(waits)} tasks have no result after {seconds:g} s")
            failures = [failure for failure in map(_failure, done) if failure is not None]
            for wait in done:
                if _failure(wait) is None:
                    yield waits[wait]
            if failures:
                raise failures[0]
    finally:
        await stopped(*(wait for wait in waits if not wait.done()))


def _checked(handles: Iterable[Handle[R]]) -> list[Handle[R]]:
    """Raises ConfigurationError for what is no handle."""
    found = list(handles)
    for one in found:
        if not isinstance(one, Handle):
            raise ConfigurationError(
                f"{shown(one, SHOWN_LENGTH)} is no handle: use what enqueue returns, or app.handle(ID)"
            )
    return found


def _failure(wait: asyncio.Task[Phase]) -> BaseException | None:
    """Why nobody knows whether its task has ended."""
    error = wait.exception()
    return None if isinstance(error, ResultExpired) else error


async def gather(handles: Iterable[Handle[R]], timeout: Patience) -> list[R]:
    """Their results, in the handles' order. Raises what the first failed one's `result` raises, when all have ended;
    ResultTimeout if that takes longer than `timeout` seconds."""
    checked_patience("gather", "timeout", timeout)
    asked: list[Handle[Any]] = _checked(handles)
    async for _ in as_completed(asked, timeout):
        pass
    results = await asyncio.gather(*(handle.result() for handle in asked), return_exceptions=True)
    for failed in results:
        if isinstance(failed, BaseException):
            raise failed
    return cast("list[R]", results)
