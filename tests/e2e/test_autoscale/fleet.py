"""A pool and its workers, as a watch of their Deployments and pods told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.e2e.kubectl import Kubectl
from tests.e2e.recording import Recording, Sighting
from tests.waiting import wait_sync

POOL_LABEL = "penstock.dev/pool"


@dataclass(frozen=True)
class Fleet:
    """Those of one pool. Moments are Unix times."""

    namespace: Kubectl
    pool: str
    deployments: Recording
    pods: Recording

    # --- the Deployment -----------------------------------------------------------------------------------------------

    @property
    def told(self) -> list[Sighting]:
        """All that was heard of it."""
        return self.deployments.of(f"{self.pool}-workers")

    @property
    def replicas(self) -> int:
        """How many are wanted now."""
        return _replicas(self.told[-1])

    def counts(self, since: float = 0.0) -> list[tuple[float, int]]:
        """(when, how many were wanted from then on): each change since then, and what held before it."""
        changes: list[tuple[float, int]] = []
        for sighting in self.told:
            if not changes or changes[-1][1] != _replicas(sighting):
                changes.append((sighting.at, _replicas(sighting)))
        before = [change for change in changes if change[0] < since][-1:]
        return before + [change for change in changes if change[0] >= since]

    def shrank(self, since: float = 0.0) -> bool:
        """Whether fewer were wanted at any time since then than before."""
        counts = [count for _, count in self.counts(since)]
        return any(later < earlier for earlier, later in pairwise(counts))

    def raised(self, since: float) -> float:
        """When some were wanted for the first time since then."""
        return next(at for at, count in self.counts(since) if at >= since and count)

    def generations(self, since: float) -> int:
        """How often its spec was written since then."""
        return len({sighting.body["metadata"]["generation"] for sighting in self.told if sighting.at >= since})

    def appears(self) -> None:
        """Return when its Deployment is there."""
        wait_sync(lambda: self.told and self.told[-1].type != "DELETED", f"the Deployment of {self.pool}")

    def awakes(self) -> None:
        """Return when some are wanted."""
        wait_sync(lambda: self.replicas, f"{self.pool} to wake up")

    def reaches(self, replicas: int, *, patience: float = 60.0) -> None:
        """Return when so many are wanted."""
        wait_sync(
            lambda: self.told and self.replicas == replicas, f"{replicas} replicas of {self.pool}", patience=patience
        )

    def sleeps(self) -> None:
        """Return when none are wanted, and none is there that could still take a task."""
        self.reaches(0)
        wait_sync(lambda: self._gone() == self.created().keys(), f"the workers of {self.pool} to be gone", patience=60)

    def ready(self, replicas: int, *, patience: float = 60.0) -> None:
        """Return when so many are wanted and ready, and no others are there."""
        wait_sync(lambda: self._settled(replicas), f"{replicas} ready workers of {self.pool}", patience=patience)

    def _settled(self, replicas: int) -> bool:
        status = self.told[-1].body.get("status", {}) if self.told else {}
        there = (status.get("replicas", 0), status.get("readyReplicas", 0))
        return bool(self.told) and self.replicas == replicas and there == (replicas, replicas)

    # --- the pods -----------------------------------------------------------------------------------------------------

    def created(self) -> dict[str, float]:
        """When each pod was."""
        return self._first(lambda sighting: True)

    def deleted(self) -> dict[str, float]:
        """When each pod was told to go."""
        return self._first(lambda sighting: "deletionTimestamp" in sighting.body["metadata"])

    def _gone(self) -> set[str]:
        """The pods that have ended."""
        return set(self._first(lambda sighting: sighting.type == "DELETED"))

    def standing(self) -> set[str]:
        """The pods that haven't been told to go."""
        return self.created().keys() - self.deleted().keys()

    def shrinks(self, standing: int, *, patience: float = 60.0) -> None:
        """Return when only so many haven't been told to go."""
        what = f"{standing} workers of {self.pool} to be left"
        wait_sync(lambda: len(self.standing()) == standing, what, patience=patience)

    def _first(self, condition: Callable[[Sighting], bool]) -> dict[str, float]:
        found: dict[str, float] = {}
        for sighting in list(self.pods.sightings):
            mine = sighting.body["metadata"].get("labels", {}).get(POOL_LABEL) == self.pool
            if mine and condition(sighting):
                found.setdefault(sighting.name, sighting.at)
        return found

    # --- the pool -----------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What it says."""
        return dict(self.namespace.json(f"ppool/{self.pool}").get("status", {}))

    def condition(self, type: str) -> dict[str, Any]:
        """One of its conditions; empty where it doesn't have it."""
        found = [one for one in self.status().get("conditions", ()) if one["type"] == type]
        return dict(found[0]) if found else {}

    def says(self, type: str, status: str, *, patience: float = 30.0) -> None:
        """Return when a condition has this status."""
        told = f"{type}={status} on {self.pool}"
        wait_sync(lambda: self.condition(type).get("status") == status, told, patience=patience)

    def decides(self, reason: str) -> None:
        """Return when its decision has this reason."""
        path = "{.status.decision.reason}"
        wait_sync(lambda: self.namespace.value(f"ppool/{self.pool}", path) == reason, f"{reason} on {self.pool}")

    def patch(self, **spec: object) -> None:
        """Merge a change into its spec."""
        self.namespace("patch", f"ppool/{self.pool}", "--type=merge", "-p", json.dumps({"spec": spec}))


def _replicas(sighting: Sighting) -> int:
    return int(sighting.body["spec"]["replicas"])
