"""The functions that every system runs. They return 1, so that there is a result to store and to check."""

from __future__ import annotations

import asyncio
import time

from benchmarks.peers import probe

__all__ = ["ASYNC", "BURN_SECONDS", "NAP_SECONDS", "burn", "nap", "noop", "stamp", "sync_noop", "sync_stamp"]

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


def sync_noop() -> int:
    """As `noop`, for systems without async functions."""
    probe.started()
    return 1


def sync_stamp(sent: int) -> int:
    """As `stamp`, for systems without async functions."""
    probe.stamped(sent)
    return 1


ASYNC = (noop, stamp, nap, burn)
