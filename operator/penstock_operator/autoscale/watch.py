"""Looks at the queues: all of them once a second, and those that were woken at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import aclosing, suppress

from penstock.broker.messages import Depth
from penstock.errors import PenstockError
from penstock.stopping import stopped
from penstock_operator.api import Key
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.survey import Reading
from penstock_operator.brokers import Brokers

__all__ = ["Watch"]

log = logging.getLogger("penstock.operator")
INTERVAL_SECONDS = 1.0
# News come in bursts; one look serves them all.
SHORTEST_SECONDS = 0.02
DOZE_SECONDS = 30.0  # a queue that sleeps is asked again to say when something comes: Redis may have lost that
AGAIN_SECONDS = 1.0
ANY = "default"  # whose broker hears of the queues of all namespaces


class Watch:
    """The queues that somebody scales by or shows. `wanted()` says how far ahead (seconds) to look for due tasks in
    each, `asleep(key)` whether it has no worker; `tell(keys)` hears which have just been looked at."""

    def __init__(
        self,
        brokers: Brokers,
        wanted: Callable[[], Mapping[Key, float]],
        asleep: Callable[[Key], bool],
        tell: Callable[[Collection[Key]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._brokers = brokers
        self._wanted = wanted
        self._asleep = asleep
        self._tell = tell
        self._clock = clock
        self._woken: set[Key] = set()
        self._news = asyncio.Event()
        self._dozing: dict[Key, float] = {}  # since when they are to say that something has come
        self.readings: dict[Key, Reading] = {}

    def nudge(self, queue: Key) -> None:
        """Something was queued there: look now."""
        self._woken.add(queue)
        self._news.set()

    async def run(self) -> None:
        """Look for ever."""
        listening = asyncio.create_task(self._listen(), name="penstock wakes")
        try:
            while True:
                await self._look_at_all()
                await self._look_at_news(self._clock() + INTERVAL_SECONDS)
        finally:
            await stopped(listening)

    async def _look_at_all(self) -> None:
        wanted = self._wanted()
        for key in self.readings.keys() - wanted.keys():
            del self.readings[key]
            self._dozing.pop(key, None)
        self._woken.clear()
        await self._look_at(wanted)

    async def _look_at_news(self, until: float) -> None:
        """At what is woken until then."""
        while (left := until - self._clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
                    await asyncio.sleep(SHORTEST_SECONDS)
            self._news.clear()
            wanted = self._wanted()
            woken = {key: wanted[key] for key in self._woken & wanted.keys()}
            self._woken.clear()
            if woken:
                await self._look_at(woken)

    async def _look_at(self, horizons: Mapping[Key, float]) -> None:
        """1. read, 2. have it decided on, 3. have those that sleep say when something comes."""
        await self._read(horizons)
        self._tell(horizons.keys())
        await self._doze(horizons)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, horizons: Mapping[Key, float]) -> None:
        by_namespace: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for (namespace, queue), horizon in horizons.items():
            by_namespace[namespace][queue] = horizon
        # All share one connection, which sends them together.
        found = await asyncio.gather(*(self._depths(*each) for each in by_namespace.items()))
        now = self._clock()
        for (namespace, queues), depths in zip(by_namespace.items(), found, strict=True):
            for queue in queues:
                self._note((namespace, queue), depths.get(queue), now)

    async def _depths(self, namespace: str, horizons: Mapping[str, float]) -> dict[str, Depth]:
        """Unknown is not zero: what can't be read is absent."""
        try:
            return await self._brokers.of(namespace).depth(list(horizons), horizon=horizons)
        except PenstockError as error:
            log.warning("can't read the queues of %s: %s", namespace, error)
            return {}

    def _note(self, key: Key, depth: Depth | None, now: float) -> None:
        before = self.readings.get(key)
        rates = before.rates if before else None
        if depth is not None:
            rates = Rates(now, depth) if rates is None else rates.after(depth, now)
        self.readings[key] = Reading(depth, rates)

    # --- being woken ------------------------------------------------------------------------------------------------

    async def _doze(self, queues: Iterable[Key]) -> None:
        """Have sleeping queues say when something comes. One where something has come meanwhile is looked at now."""
        now, due = self._clock(), []
        for key in queues:
            if not self._asleep(key):
                self._dozing.pop(key, None)
            elif now - self._dozing.get(key, float("-inf")) >= DOZE_SECONDS:
                due.append(key)
        await asyncio.gather(*(self._doze_off(key, now) for key in due))

    async def _doze_off(self, key: Key, now: float) -> None:
        with suppress(PenstockError):  # the next look tells what it is about
            if await self._brokers.of(key[0]).doze(key[1]):
                self._dozing[key] = now
            else:
                self.nudge(key)

    async def _listen(self) -> None:
        """Hear of queues that something came to. Messages may be missed: the next look is never far."""
        while True:
            try:
                async with aclosing(self._brokers.of(ANY).wakes()) as wakes:
                    async for key in wakes:
                        self._dozing.pop(key, None)
                        self.nudge(key)
            except PenstockError as error:
                log.warning("can't hear of sleeping queues that something comes to: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
