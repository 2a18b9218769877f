"""What is remembered and told of each decision: the last hour, and Events of what changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.timeline import Timelines
from penstock_operator.events import Events, Subject
from penstock_operator.pools.announcements import Announcements
from penstock_operator.pools.state import PoolState

__all__ = ["Chronicle"]


class Chronicle:
    """Of all pools. `run` tells, while this operator leads."""

    def __init__(self, events: Events, clock: Callable[[], float] = time.time) -> None:
        self.timelines = Timelines()
        self._announcements = Announcements(events, clock)
        self._clock = clock

    def judged(self, state: PoolState, before: Decision | None) -> None:
        """A pool was decided on; `before` is the decision until then. After a start there is none: then it counts
        whether its Deployment has another size."""
        now = state.decision
        if now is None:
            return
        self.timelines.add(state.key, self._clock(), now, state.signals)
        was = before.replicas if before else state.wanted
        if was != now.replicas or (before is not None and before.news != now.news):
            about = Subject("WorkerPool", *state.key, str(state.pool.metadata.uid))
            self._announcements.changed(about, was, now)

    def gone(self, key: Key) -> None:
        """The pool was deleted."""
        self.timelines.forget(key)
        self._announcements.gone(key)

    async def run(self) -> None:
        """For ever."""
        await self._announcements.run()

    async def tell(self) -> None:
        """Write what is due, once."""
        await self._announcements.tell()
