from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import cast

import pytest
from benchmarks.capacity.arrivals import Arrivals
from benchmarks.capacity.stuck import Stuck

from penstock.errors import NotConnected
from penstock.kube import Kube, Manifest, Resource
from penstock.report import TASKS

Event = tuple[str, Manifest]
DONE = {"conditions": [{"type": "Complete", "status": "True"}]}


class Watched:
    """A Kube whose watches tell these events, one watch after another; the last stays open."""

    def __init__(self, *watches: Sequence[Event | Exception]) -> None:
        self._watches = list(watches)

    async def watch(self, *_: object, **__: str) -> AsyncGenerator[Event, None]:
        for event in self._watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event
        if not self._watches:
            await asyncio.Event().wait()


def event(name: str, status: Manifest | None = None) -> Event:
    return "MODIFIED", {"metadata": {"name": name}, "status": status or {}}


def arrivals(*watches: Sequence[Event | Exception]) -> Arrivals:
    return Arrivals(cast(Kube, Watched(*watches)), Resource(TASKS.prefix, "tasks"), "default", "ab12")


async def test_only_what_is_complete_has_arrived() -> None:
    async with arrivals([event("a"), event("b", DONE), event("a", DONE), event("a", DONE)]) as found:
        assert len(await found.until(2, 5)) == 2
        assert list(found.seen) == ["b", "a"]
        assert await found.one("a", 5) == found.seen["a"]


@pytest.mark.parametrize("end", [("ERROR", {"status": "Failure", "code": 410}), NotConnected("gone")])
async def test_a_watch_that_breaks_is_begun_anew(end: Event | Exception) -> None:
    async with arrivals([event("a", DONE), end], [event("a", DONE), event("b", DONE)]) as found:
        before = await found.one("a", 5)
        await found.one("b", 5)
        assert found.seen["a"] == before


async def test_what_does_not_arrive_is_told_with_where_to_look() -> None:
    async with arrivals([event("a", DONE)]) as found:
        with pytest.raises(
            Stuck, match=r"only 1 of 2 were Complete within 0.05 s; see: kubectl -n default get tasks -l"
        ):
            await found.until(2, 0.05)
        with pytest.raises(Stuck, match="b wasn't Complete"):
            await found.one("b", 0.05)
