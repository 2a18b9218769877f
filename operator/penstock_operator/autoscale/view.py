"""What may be read of the pools by whoever shows them: the HTTP surface, metrics, Events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Mode
from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.signals import Signals

__all__ = ["View", "Watched"]


@dataclass(frozen=True, slots=True)
class View:
    """A pool as it was last looked at. `would`: what mode Auto would decide; in mode Auto that is the decision. Both
    are None before the first look. `spec_replicas`: spec.replicas, which counts in the other modes."""

    namespace: str
    name: str
    mode: Mode
    queues: tuple[str, ...]
    signals: Signals
    decision: Decision | None
    would: Decision | None
    min_replicas: int
    max_replicas: int
    spec_replicas: int

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return self.namespace, self.name


class Watched(Protocol):
    """All pools, as far as this process knows them. Each answer is made anew and may be kept."""

    def pool(self, key: Key) -> View | None:
        """One of them; None if there is no such WorkerPool."""

    def views(self) -> Iterable[View]:
        """All of them."""

    def looked_at(self) -> Mapping[Key, Depth | None]:
        """The queues of the last look, by (namespace, queue); None for one that couldn't be read."""
