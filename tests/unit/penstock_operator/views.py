"""Pools as tests look at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Mode
from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.signals import Fleet, Signals, Work
from penstock_operator.autoscale.view import View

WORK = Work(waiting=20, due=2, in_flight=6, oldest=3.5, arrival_rate=4.25, service_seconds=0.5)
DECISION = Decision(3, "Backlog", "26 tasks, 10 for each replica", {"waiting": 20.0, "inFlight": 6.0}, 3)
FAST = View(
    namespace="shop",
    name="fast",
    mode=Mode.AUTO,
    queues=("mail",),
    signals=Signals(WORK, Fleet(wanted=3, ready=2, busy=2)),
    decision=DECISION,
    would=DECISION,
    min_replicas=0,
    max_replicas=10,
    spec_replicas=1,
)
UNREADABLE = replace(FAST, name="dark", queues=("dark", "darker"), signals=Signals(None, Fleet(wanted=3, ready=2)))


@dataclass
class Pools:
    """Watched, from what a test says."""

    known: list[View] = field(default_factory=lambda: [FAST, UNREADABLE])
    queues: dict[Key, Depth | None] = field(
        default_factory=lambda: {("shop", "mail"): Depth(ready=20, due=2, in_flight=6, dead=1), ("shop", "dark"): None}
    )

    def pool(self, key: Key) -> View | None:
        """See Watched."""
        return next((view for view in self.known if view.key == key), None)

    def views(self) -> Iterable[View]:
        """See Watched."""
        return list(self.known)

    def looked_at(self) -> Mapping[Key, Depth | None]:
        """See Watched."""
        return dict(self.queues)
