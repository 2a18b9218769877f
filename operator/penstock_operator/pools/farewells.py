"""Carries out the steps by which workers leave: see `autoscale.departure`, which decides them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.kube import Kube
from penstock_operator.api import Key
from penstock_operator.autoscale.departure import CORDON_SECONDS, Chosen, Step
from penstock_operator.brokers import Brokers
from penstock_operator.deletion_cost import CHOSEN_COST, DELETION_COST, USUAL_COST
from penstock_operator.pools.pod_changes import change_pod

__all__ = ["Farewells"]


@dataclass(frozen=True, slots=True)
class Farewells:
    """Speaks to workers by the queue where they attend, and to Kubernetes by their pods."""

    kube: Kube
    brokers: Brokers

    async def take(self, step: Step, home: Key, now: float) -> dict[str, Chosen]:
        """1. give back who is needed again, 2. stop the intake of who is to go, 3. tell Kubernetes who that is.
        Returns the chosen with what was learnt of them."""
        namespace, queue = home
        if step.lift:
            await self.brokers.of(namespace).cordon(queue, sorted(step.lift), 0)
        chosen = await self._cordon(step, home, now)
        for name in sorted(step.unmark):
            await self._price(namespace, name, USUAL_COST)
        for name in sorted(step.mark):
            await self._price(namespace, name, CHOSEN_COST)
        return chosen

    async def _cordon(self, step: Step, home: Key, now: float) -> dict[str, Chosen]:
        chosen = dict(step.chosen)
        if step.cordon:
            namespace, queue = home
            attend = await self.brokers.of(namespace).cordon(queue, sorted(step.cordon), CORDON_SECONDS)
            chosen |= {name: _cordoned(chosen[name], name in attend, now) for name in step.cordon}
        return chosen

    async def _price(self, namespace: str, pod: str, cost: int) -> None:
        change = {"metadata": {"annotations": {DELETION_COST: str(cost)}}}
        await change_pod(self.kube, namespace, pod, change)


def _cordoned(one: Chosen, attended: bool, now: float) -> Chosen:
    return replace(one, cordoned_at=now, attended=attended)
