"""What is known of one pool: what it should be, what was decided and done, what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.kube import Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import Key
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.departure import Chosen
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.signals import Fleet, Signals
from penstock_operator.manifests import pool_key, pool_queues

__all__ = ["PoolState"]


@dataclass
class PoolState:
    """`deployment` is None until it was looked at, `decision` until the queues were. `would`: what mode Auto would
    decide. `chosen` are on their way out, by their names; `names`: who worked here at the last step. `refused`: the API
    server's complaint. `overridden`: what its template says in vain."""

    pool: WorkerPool
    stored: Manifest = field(default_factory=dict)  # the status as last seen
    deployment: DeploymentView | None = None
    history: History | None = None
    signals: Signals = field(default_factory=lambda: Signals(None, Fleet()))
    decision: Decision | None = None
    would: Decision | None = None
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    refused: str = ""
    overridden: Sequence[str] = ()

    @property
    def trouble(self) -> str:
        """What keeps its workers from starting."""
        return self.refused or self.signals.fleet.trouble

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return pool_key(self.pool)

    @property
    def queues(self) -> tuple[str, ...]:
        """What it serves."""
        return tuple(pool_queues(self.pool.spec))

    @property
    def home(self) -> Key:
        """The queue where its workers attend: their first."""
        return self.key[0], self.queues[0]

    @property
    def wanted(self) -> int:
        """How many replicas it has been given."""
        return self.deployment.wanted if self.deployment else 0

    @property
    def asleep(self) -> bool:
        """Whether nobody works there, nor is about to."""
        return self.decision is not None and not self.decision.replicas and not self.wanted

    def forget(self) -> None:
        """What was seen and decided, for somebody else may have acted since."""
        self.deployment, self.history, self.decision, self.would = None, None, None, None
        self.chosen, self.names = {}, frozenset()
