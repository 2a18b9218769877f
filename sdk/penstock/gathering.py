"""Many handles at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any, TypeVar, cast

from penstock.errors import ResultTimeout
from penstock.handle import Handle
from penstock.stopping import stopped

__all__ = ["as_completed", "gather"]

R = TypeVar("R")


async def as_completed(handles: Iterable[Handle[R]], timeout: float | None) -> AsyncGenerator[Handle[R], None]:
    """Each handle when its task has ended, however that was. Raises ResultTimeout for those that haven't within
    `timeout` seconds."""
    waits = {asyncio.create_task(handle.wait()): handle for handle in handles}
    pending, ends = set(waits), None if timeout is None else time.monotonic() + timeout
    try:
        while pending:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise ResultTimeout(f"{len(pending)} of {len(waits)} tasks have no result after {timeout:g} s")
            for wait in done:
                yield waits[wait]
    finally:
        await stopped(*waits)


async def gather(handles: Iterable[Handle[R]], timeout: float | None) -> list[R]:
    """Their results, in the handles' order. Raises what the first failed one's `result` raises, when all have ended;
    ResultTimeout if that takes longer than `timeout` seconds."""
    asked: list[Handle[Any]] = list(handles)
    async for _ in as_completed(asked, timeout):
        pass
    results = await asyncio.gather(*(handle.result() for handle in asked), return_exceptions=True)
    for failed in results:
        if isinstance(failed, BaseException):
            raise failed
    return cast("list[R]", results)
