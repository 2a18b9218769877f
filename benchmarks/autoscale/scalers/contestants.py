"""Who is compared: each is given a pattern's bounds and target, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.autoscale.patterns.pattern import Pattern
from benchmarks.autoscale.scalers.hpa import Policy, Rules
from benchmarks.autoscale.scalers.keda import Keda, Trigger, length
from benchmarks.autoscale.scalers.penstock import Penstock
from benchmarks.autoscale.scalers.prometheus import HpaAlone
from benchmarks.autoscale.scalers.scaler import Scaler

from penstock.resources.autoscaling import Autoscaling, Target
from penstock.resources.pool import WorkerPoolSpec

__all__ = ["CONTESTANTS", "DEFAULTS", "OWN"]


def _penstock(pattern: Pattern) -> Scaler:
    """`target.latencySeconds`: the objective itself."""
    return _pool(pattern, Target(latency_seconds=pattern.objective))


def _by_backlog(pattern: Pattern) -> Scaler:
    """`target.backlogPerReplica`: the target that the others are given."""
    return _pool(pattern, Target(backlog_per_replica=pattern.concurrency))


def _pool(pattern: Pattern, target: Target) -> Scaler:
    auto = Autoscaling(max_replicas=pattern.most, target=target)
    return Penstock(WorkerPoolSpec(app="shop.tasks:app", concurrency=pattern.concurrency, autoscaling=auto))


def _keda(pattern: Pattern) -> Scaler:
    """All defaults, on the lag."""
    return Keda(Trigger(pattern.concurrency, Rules(most=pattern.most)))


def _keda_length(pattern: Pattern) -> Scaler:
    """All defaults, on the stream's length."""
    return Keda(Trigger(pattern.concurrency, Rules(most=pattern.most), length))


def _keda_tuned(pattern: Pattern) -> Scaler:
    """By somebody who knows it: length, polling each 5 s, 60 s to zero, as many pods at once as are wanted, and down
    after 60 s by a tenth each 15 s."""
    rules = Rules(
        most=pattern.most,
        down_seconds=60.0,
        behavior=True,
        up=(Policy(pattern.most, 15.0),),
        down=(Policy(10, 15.0, percent=True), Policy(1, 15.0)),
    )
    return Keda(Trigger(pattern.concurrency, rules, length, polling=5.0, cooldown=60.0))


def _hpa(pattern: Pattern) -> Scaler:
    return HpaAlone(pattern.concurrency, Rules(most=pattern.most))


OWN = ("penstock", "backlog")
DEFAULTS = ("keda", "keda-length")  # what the bars are against
CONTESTANTS: dict[str, Callable[[Pattern], Scaler]] = {
    "penstock": _penstock,
    "backlog": _by_backlog,
    "keda": _keda,
    "keda-length": _keda_length,
    "keda-tuned": _keda_tuned,
    "hpa": _hpa,
}
