"""PodDisruptionBudgets: each pool that asks for one is given its own, and keeps it until it doesn't ask any more."""

from __future__ import annotations

from collections.abc import Callable

from penstock.errors import ConfigurationError
from penstock.kube import Kube, Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import OWNER, POD_DISRUPTION_BUDGETS, Key
from penstock_operator.manifests import fingerprint, pool_key, pool_of, workers_name
from penstock_operator.pools.disruption import budget
from penstock_operator.watching.made import Makings

__all__ = ["Budgets"]


class Budgets:
    """What each pool was given last. `drifted(pool)` hears where that was changed or deleted: `ensure` mends it."""

    def __init__(self, kube: Kube, drifted: Callable[[Key], None] = lambda _: None) -> None:
        self._kube = kube
        self._drifted = drifted
        self._done: dict[Key, str] = {}  # what it asked for
        self.makings = Makings(self._lost)

    async def ensure(self, pool: WorkerPool) -> None:
        """Return when the pool has the budget that it asks for, or none. Raises ConfigurationError where its name is
        taken, and ApiRefused with what the API server has against it."""
        key, wanted = pool_key(pool), budget(pool)
        asked = f"{pool.metadata.uid} {fingerprint(wanted or {})}"
        if self._done.get(key) == asked:
            return
        self._done.pop(key, None)  # it may drift meanwhile
        await self._bring_about(pool, wanted)
        self._done[key] = asked

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._done.clear()
        self.makings.forget()

    def gone(self, key: Key) -> None:
        """A pool was deleted; Kubernetes' garbage collection takes its budget."""
        self._done.pop(key, None)

    def _lost(self, key: Key) -> None:
        pool = key[0], pool_of(key[1])
        if self._done.pop(pool, None) is not None:
            self._drifted(pool)

    async def _bring_about(self, pool: WorkerPool, wanted: Manifest | None) -> None:
        namespace, name = pool_key(pool)[0], workers_name(str(pool.metadata.name))
        found = await self._kube.get(POD_DISRUPTION_BUDGETS, namespace, name)
        ours = found is None or _belongs(found, pool)
        if wanted is not None and ours:
            applied = await self._kube.apply(POD_DISRUPTION_BUDGETS, namespace, wanted, owner=OWNER)
            self.makings.wrote(applied)
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
