"""The decision on a pool's replicas. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPoolSpec

__all__ = ["Decision", "Load", "decide"]


@dataclass(frozen=True, slots=True)
class Load:
    """What a pool's queues hold together; tasks. `busy`: workers that hold some. `idle_seconds`: for how long the
    queues have been empty."""

    ready: int = 0
    due: int = 0
    in_flight: int = 0
    busy: int = 0
    idle_seconds: float = 0.0

    @classmethod
    def of(cls, depths: list[Depth], idle_seconds: float) -> Load:
        """The sum over queues."""
        return cls(
            sum(depth.ready for depth in depths),
            sum(depth.due for depth in depths),
            sum(depth.in_flight for depth in depths),
            len(frozenset[str]().union(*(depth.consumers for depth in depths))),
            idle_seconds,
        )

    @property
    def backlog(self) -> int:
        """All that wants a worker now, work in flight included."""
        return self.ready + self.due + self.in_flight


@dataclass(frozen=True, slots=True)
class Decision:
    """How many, and why."""

    replicas: int
    reason: str
    message: str
    inputs: dict[str, float] = field(default_factory=dict)


def decide(load: Load | None, spec: WorkerPoolSpec, current: int) -> Decision:
    """The decision for a pool that has `current` replicas; `load` is None where it couldn't be read."""
    auto = spec.autoscaling
    if auto.mode is not Mode.AUTO:
        return Decision(spec.replicas, f"Mode{auto.mode}", f"autoscaling.mode is {auto.mode}: spec.replicas counts")
    if auto.paused:
        return Decision(current, "Paused", "autoscaling.paused is true: the count is held")
    if load is None:
        return _unknown(spec, current)
    inputs: dict[str, float] = {
        "ready": load.ready,
        "due": load.due,
        "inFlight": load.in_flight,
        "busy": load.busy,
        "idleSeconds": round(load.idle_seconds),
    }
    reason, message, wanted = _target(load, spec, current)
    bounded = min(auto.max_replicas, max(auto.min_replicas, wanted))
    if load.backlog and bounded < current:
        # Also where maxReplicas was lowered: it holds once nothing is in flight any more.
        return Decision(current, "WorkInFlight", f"{message}; goes to {bounded} when they are done", inputs)
    if bounded < wanted:
        reason, message = "AtMaxReplicas", f"{message}; autoscaling.maxReplicas is {bounded}"
    return Decision(bounded, reason, message, inputs)


def _unknown(spec: WorkerPoolSpec, current: int) -> Decision:
    """Unknown is not zero: hold, or go up to the fallback, but never down."""
    fallback = spec.autoscaling.fallback
    if fallback is not None and fallback.replicas > current:
        return Decision(fallback.replicas, "Fallback", "the queues can't be read: autoscaling.fallback counts")
    return Decision(current, "BrokerUnreachable", "the queues can't be read: the count is held")


def _target(load: Load, spec: WorkerPoolSpec, current: int) -> tuple[str, str, int]:
    each = spec.autoscaling.target.backlog_per_replica or spec.concurrency * spec.processes
    wanted = math.ceil(load.backlog / each)
    if wanted > current:
        return "Backlog", f"{load.backlog} tasks, {each} for each replica", wanted
    if load.backlog:
        # Which pod a smaller count would take is Kubernetes' choice: none while any may be busy.
        return "WorkInFlight", f"{load.backlog} tasks: no worker is taken away before they are done", current
    idle = spec.autoscaling.idle_seconds
    if current > spec.autoscaling.min_replicas and load.idle_seconds < idle:
        return "CoolingDown", f"idle; scales in after {idle:g} s of that", current
    return "Idle", "nothing to do", 0
