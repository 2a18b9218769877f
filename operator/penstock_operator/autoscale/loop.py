"""Reads the queues once a second, or as soon as something was queued, and tells the pools what was decided."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from penstock.broker.messages import Depth
from penstock.errors import PenstockError
from penstock_operator.brokers import Brokers

__all__ = ["Signals"]

log = logging.getLogger("penstock.operator")
INTERVAL_SECONDS = 1.0
# Admissions come in bursts; one look serves them all.
SHORTEST_SECONDS = 0.05
HORIZON_SECONDS = 2.0  # a worker's start-up: what is due by then counts


class Signals:
    """The depths of all queues that somebody scales by or shows."""

    def __init__(
        self,
        brokers: Brokers,
        wanted: Callable[[], set[tuple[str, str]]],
        tell: Callable[[dict[tuple[str, str], Depth | None]], None],
    ) -> None:
        self._brokers = brokers
        self._wanted = wanted
        self._tell = tell
        self._news = asyncio.Event()

    def nudge(self) -> None:
        """Something was queued: look now."""
        self._news.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._tell(await self._read())
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._news.wait()
                    await asyncio.sleep(SHORTEST_SECONDS)
            self._news.clear()

    async def _read(self) -> dict[tuple[str, str], Depth | None]:
        by_namespace: defaultdict[str, list[str]] = defaultdict(list)
        for namespace, queue in sorted(self._wanted()):
            by_namespace[namespace].append(queue)
        found: dict[tuple[str, str], Depth | None] = {}
        for namespace, queues in by_namespace.items():
            depths = await self._depths(namespace, queues)
            found |= {(namespace, queue): depths.get(queue) for queue in queues}
        return found

    async def _depths(self, namespace: str, queues: list[str]) -> dict[str, Depth]:
        """Unknown is not zero: what can't be read is absent."""
        try:
            return await self._brokers.of(namespace).depth(queues, horizon=HORIZON_SECONDS)
        except PenstockError as error:
            log.warning("can't read the queues of %s: %s", namespace, error)
            return {}
