"""PodDisruptionBudgets: gives each pool that asks for one its own, and takes it away when it doesn't any more."""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.errors import ConfigurationError
from penstock.kube import Kube, Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import OWNER, POD_DISRUPTION_BUDGETS, Key
from penstock_operator.manifests import fingerprint, pool_key, workers_name
from penstock_operator.pools.disruption import budget

__all__ = ["Budgets"]

AGAIN_SECONDS = 300.0  # a deleted one comes back within this, or with the pool's next change


class Budgets:
    """What each pool was given last."""

    def __init__(self, kube: Kube, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._clock = clock
        self._done: dict[Key, tuple[str, float]] = {}  # what it asked for, and when that was seen to

    async def ensure(self, pool: WorkerPool) -> None:
        """Return when the pool has the budget that it asks for, or none. Raises ConfigurationError where its name is
        taken, and ApiRefused with what the API server has against it."""
        key, wanted = pool_key(pool), budget(pool)
        asked = f"{pool.metadata.uid} {fingerprint(wanted or {})}"
        before, at = self._done.get(key, ("", float("-inf")))
        if before == asked and self._clock() - at < AGAIN_SECONDS:
            return
        await self._bring_about(pool, wanted)
        self._done[key] = asked, self._clock()

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._done.clear()

    def gone(self, key: Key) -> None:
        """A pool was deleted; Kubernetes' garbage collection takes its budget."""
        self._done.pop(key, None)

    async def _bring_about(self, pool: WorkerPool, wanted: Manifest | None) -> None:
        namespace, name = pool_key(pool)[0], workers_name(str(pool.metadata.name))
        found = await self._kube.get(POD_DISRUPTION_BUDGETS, namespace, name)
        ours = found is None or _belongs(found, pool)
        if wanted is not None and ours:
            await self._kube.apply(POD_DISRUPTION_BUDGETS, namespace, wanted, owner=OWNER)
        elif wanted is not None:
            raise ConfigurationError(
                f"spec.disruption.budget: there is a PodDisruptionBudget {name} that isn't the pool's: delete that one "
                "or remove spec.disruption.budget"
            )
        elif found is not None and ours:
            await self._kube.delete(POD_DISRUPTION_BUDGETS, namespace, name, uid=found["metadata"]["uid"])


def _belongs(found: Manifest, pool: WorkerPool) -> bool:
    """Also that of an earlier pool of this name, which garbage collection is about to take."""
    owners = found["metadata"].get("ownerReferences") or ()
    return any((owner["kind"], owner["name"]) == ("WorkerPool", pool.metadata.name) for owner in owners)
