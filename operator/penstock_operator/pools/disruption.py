"""What is done about nodes that come and go: a pool's PodDisruptionBudget, and the marks of its busy pods. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from penstock.kube import Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.manifests import owner, selector, workers_name

__all__ = ["MARKS", "Spell", "budget", "changes", "markable", "marks", "spells"]

# By which Cluster Autoscaler and Karpenter leave a pod, and so its node, alone.
MARKS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
# Most tasks are over sooner: no write for those.
BUSY_SECONDS = 2.0
# The next task often comes sooner: no two writes for that.
IDLE_SECONDS = 10.0


def budget(pool: WorkerPool) -> Manifest | None:
    """The PodDisruptionBudget of a pool that asks for one. Pods that aren't ready never keep a node from being
    drained: nothing is lost with them."""
    asked = pool.spec.disruption.budget
    if asked is None:
        return None
    labels = selector(str(pool.metadata.name))
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": workers_name(str(pool.metadata.name)),
            "labels": labels,
            "ownerReferences": [owner(pool)],
        },
        "spec": {
            **asked.manifest(),
            "selector": {"matchLabels": labels},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def markable(pool: WorkerPool) -> frozenset[str]:
    """The marks that are ours to set: what the pool's template says of one itself stands."""
    metadata = (pool.spec.template or {}).get("metadata")
    said = metadata.get("annotations") if isinstance(metadata, dict) else None
    return frozenset(MARKS.keys() - said.keys() if isinstance(said, dict) else MARKS)


def marks(busy: bool, among: Collection[str] = MARKS.keys()) -> dict[str, str | None]:
    """A pod's annotations as they should be, with None for those that it shouldn't have."""
    return {mark: value if busy else None for mark, value in MARKS.items() if mark in among}


@dataclass(frozen=True, slots=True)
class Spell:
    """Since when a pod has been busy, or idle, without a break; by a monotonic clock."""

    busy: bool
    since: float


def spells(before: Mapping[str, Spell], pods: Iterable[str], busy: Collection[str], now: float) -> dict[str, Spell]:
    """Of each pod by its name, now that these are busy; one that was never seen began just now."""
    return {pod: _spell(before.get(pod), pod in busy, now) for pod in pods}


def _spell(before: Spell | None, busy: bool, now: float) -> Spell:
    return before if before is not None and before.busy == busy else Spell(busy, now)


def changes(
    pods: Mapping[str, Mapping[str, str]], spells: Mapping[str, Spell], among: Collection[str], now: float
) -> dict[str, Manifest]:
    """The merge patches that are due, of pods by their names, given their annotations; those that protect first."""
    due = [(pod, spell.busy) for pod, spell in spells.items() if _lasting(spell, now)]
    wanted = {pod: marks(busy, among) for pod, busy in sorted(due, key=lambda one: not one[1])}
    return {
        pod: {"metadata": {"annotations": annotations}}
        for pod, annotations in wanted.items()
        if any(pods[pod].get(mark) != value for mark, value in annotations.items())
    }


def _lasting(spell: Spell, now: float) -> bool:
    return now - spell.since >= (BUSY_SECONDS if spell.busy else IDLE_SECONDS)
