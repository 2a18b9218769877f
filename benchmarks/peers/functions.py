"""The functions that every system runs, and what each is called with. They return something, so that there is a result
to store and to check."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from benchmarks.peers import probe

__all__ = [
    "ARGUMENTS",
    "ASYNC",
    "BURN_SECONDS",
    "NAP_SECONDS",
    "SYNC",
    "arguments",
    "burn",
    "nap",
    "noop",
    "stamp",
    "sync_arguments",
    "sync_noop",
    "sync_stamp",
    "thread",
]

NAP_SECONDS = 1.0
BURN_SECONDS = 0.001


async def noop() -> int:
    """Nothing but its start."""
    probe.started()
    return 1


async def stamp(sent: int) -> int:
    """Nothing but how long ago it was sent; ns of CLOCK_MONOTONIC."""
    probe.stamped(sent)
    return 1


async def nap() -> int:
    """Wait for a second, without work."""
    probe.started()
    await asyncio.sleep(NAP_SECONDS)
    return 1


async def burn() -> int:
    """Use a millisecond of this process's CPU time."""
    probe.started()
    end = time.process_time() + BURN_SECONDS
    while time.process_time() < end:
        pass
    return 1


async def arguments(number: int, name: str, urgent: bool) -> dict[str, object]:
    """What people write: a few arguments, and a small result."""
    probe.started()
    return {"number": number, "name": name, "urgent": urgent}


def thread() -> int:
    """As `noop`, for systems that run plain functions in threads beside their event loop."""
    probe.started()
    return 1


def sync_noop() -> int:
    """As `noop`, for systems without async functions."""
    probe.started()
    return 1


def sync_stamp(sent: int) -> int:
    """As `stamp`, for systems without async functions."""
    probe.stamped(sent)
    return 1


def sync_arguments(number: int, name: str, urgent: bool) -> dict[str, object]:
    """As `arguments`, for systems without async functions."""
    probe.started()
    return {"number": number, "name": name, "urgent": urgent}


ASYNC = (noop, stamp, nap, burn, arguments)
SYNC = {"noop": sync_noop, "stamp": sync_stamp, "arguments": sync_arguments, "thread": thread}
ARGUMENTS: Mapping[str, Mapping[str, object]] = {"arguments": {"number": 42, "name": "Ada Lovelace", "urgent": True}}
