"""The marks of busy pods, by which autoscalers of nodes leave them alone: set and taken off, a few pods a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from penstock.kube import Kube, Manifest
from penstock.pace import Pace
from penstock.resources.pool import WorkerPool
from penstock_operator.api import Key
from penstock_operator.manifests import pool_key
from penstock_operator.pools.disruption import Spell, changes, markable, spells
from penstock_operator.pools.pod_changes import change_pod

__all__ = ["Protection"]

WRITES_PER_SECOND = 10.0  # of all pools together: scaling comes first


class Protection:
    """How the pods of all pools stand, and what was written to them."""

    def __init__(self, kube: Kube, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._clock = clock
        self._pace = Pace(WRITES_PER_SECOND, burst=int(WRITES_PER_SECOND), clock=clock)
        self._spells: dict[Key, dict[str, Spell]] = {}
        self._sent: dict[Key, dict[str, Manifest]] = {}  # patches that the pods as they were seen don't show yet

    async def ensure(
        self, pool: WorkerPool, pods: Mapping[str, Mapping[str, str]], busy: Collection[str] | None
    ) -> None:
        """Mark and unmark what is due, as far as the pace allows: call it about once a second. `pods`: the annotations
        of those that aren't being deleted, by their names; `busy`: the names of those that hold tasks (None: nobody
        knows, and all stays as it is)."""
        if busy is None:
            return
        key = pool_key(pool)
        due = self._due(key, pool, pods, busy)
        sent = self._sent[key] = {pod: patch for pod, patch in self._sent.get(key, {}).items() if due.get(pod) == patch}
        for pod, patch in due.items():
            if pod not in sent and self._pace.take():
                await change_pod(self._kube, key[0], pod, patch)
                sent[pod] = patch

    def gone(self, key: Key) -> None:
        """A pool was deleted."""
        self._spells.pop(key, None)
        self._sent.pop(key, None)

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._spells.clear()
        self._sent.clear()

    def _due(
        self, key: Key, pool: WorkerPool, pods: Mapping[str, Mapping[str, str]], busy: Collection[str]
    ) -> dict[str, Manifest]:
        now = self._clock()
        if not pool.spec.disruption.protect_busy:  # whatever was marked while it was true
            return changes(pods, dict.fromkeys(pods, Spell(False, float("-inf"))), markable(pool), now)
        self._spells[key] = spells(self._spells.get(key, {}), pods, busy, now)
        return changes(pods, self._spells[key], markable(pool), now)
