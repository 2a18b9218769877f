"""Writes what pools are and why: on change, and no more than the API server should be asked to take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock.pace import Pace
from penstock.resources.pool import WorkerPool
from penstock.workqueue import WorkQueue
from penstock_operator.api import WORKER_POOLS, Key
from penstock_operator.conditions import complaint
from penstock_operator.pools.state import PoolState
from penstock_operator.pools.status import pool_status, said
from penstock_operator.watching.stored import Stored

__all__ = ["PoolStatuses"]

WRITERS = 2
# Over all pools: a thousand of them that change each second cost no more than this.
WRITES_PER_SECOND, BURST = 20.0, 50
FIGURES_SECONDS = 5.0  # how soon a status follows figures that change all the time


class PoolStatuses:
    """Of all pools. `states` are the latest."""

    def __init__(self, kube: Kube, states: Mapping[Key, PoolState], clock: Callable[[], float] = time.time) -> None:
        self._kube = kube
        self._states = states
        self._clock = clock
        self._pace = Pace(WRITES_PER_SECOND, BURST)
        self._written: dict[Key, Manifest] = {}
        self._figures_at: dict[Key, float] = {}
        self._misread: dict[Key, Stored[WorkerPool]] = {}
        self.queue: WorkQueue[Key] = WorkQueue("pool statuses", self._write, workers=WRITERS)

    def changed(self, key: Key) -> None:
        """Something was decided, done or seen."""
        self.queue.add(key)

    def complain(self, body: Stored[WorkerPool]) -> None:
        """A pool was changed, and isn't understood (any more)."""
        self._misread[body.key] = body
        self.queue.add(body.key)

    def understood(self, key: Key) -> None:
        """And one that is."""
        self._misread.pop(key, None)

    def misread(self) -> Iterable[str]:
        """The namespaces of those that aren't understood, one for each."""
        return (namespace for namespace, _ in self._misread)

    def forget(self, key: Key) -> None:
        """The pool is gone."""
        self._misread.pop(key, None)
        self._written.pop(key, None)
        self._figures_at.pop(key, None)
        self.queue.forget(key)

    def resume(self) -> None:
        """Somebody else may have written since."""
        self._written.clear()
        for key in (*self._states, *self._misread):
            self.queue.add(key)

    async def _write(self, key: Key) -> float | None:
        state, now = self._states.get(key), self._clock()
        if (misread := self._misread.get(key)) is not None:
            await self._complain(key, misread, now)
            return None
        if state is None or (state.deployment is None and not state.refused):
            return None
        before = self._written.get(key, state.stored)
        status = pool_status(state, old=before, now=now)
        if status == before:
            return None
        due_in = self._figures_at.get(key, float("-inf")) + FIGURES_SECONDS - now
        if said(status) == said(before) and due_in > 0:
            return due_in
        self._figures_at[key] = now
        await asyncio.sleep(self._pace.reserve())
        await self._store(key, status)
        return None

    async def _complain(self, key: Key, body: Stored[WorkerPool], now: float) -> None:
        status = complaint(body.problem, body.generation, old=body.status, now=now)
        if status != body.status:
            await self._store(key, status)

    async def _store(self, key: Key, status: Manifest) -> None:
        try:
            await self._kube.replace_status(WORKER_POOLS, *key, status)
        except ApiRefused as error:
            if error.status != 404:
                raise
        self._written[key] = status
