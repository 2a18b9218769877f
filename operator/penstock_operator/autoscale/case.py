"""What a policy is shown, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from penstock.resources.autoscaling import Autoscaling
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.signals import Fleet, Work

__all__ = ["Case", "Policy", "Proposal"]


@dataclass(frozen=True, slots=True)
class Case:
    """A pool that is to be decided on. `now`: seconds since the epoch, for windows that open by the clock."""

    work: Work
    fleet: Fleet
    spec: WorkerPoolSpec
    history: History
    now: float

    @property
    def auto(self) -> Autoscaling:
        """What the spec says of scaling."""
        return self.spec.autoscaling

    @property
    def places(self) -> int:
        """How many tasks one replica runs at once."""
        return self.spec.concurrency * self.spec.processes

    @property
    def idle_seconds(self) -> float:
        """For how long there has been nothing to do."""
        return 0.0 if self.work.backlog else self.now - self.history.busy_at


@dataclass(frozen=True, slots=True)
class Proposal:
    """So many, for that reason: a word for machines, a sentence for people."""

    replicas: int
    reason: str
    message: str

    def but(self, replicas: int, reason: str, message: str) -> Proposal:
        """Another count, for a reason that comes after this one's."""
        return replace(self, replicas=replicas, reason=reason, message=f"{self.message}; {message}")


Policy = Callable[[Proposal, Case], Proposal]
