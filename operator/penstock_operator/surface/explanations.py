"""A pool as the HTTP surface shows it. Pure: from what the operator holds to the shapes that `penstock.explanation`
documents."""

from __future__ import annotations

from penstock.explanation import Bounds, Choice, Explanation, Fleet, Timeline, Work
from penstock_operator.autoscale import signals
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.view import View

__all__ = ["explanation", "flat"]


def explanation(view: View, timeline: Timeline) -> Explanation:
    """All of it."""
    return Explanation(
        namespace=view.namespace,
        name=view.name,
        mode=view.mode.value,
        queues=view.queues,
        bounds=Bounds(view.min_replicas, view.max_replicas, view.spec_replicas),
        decision=_choice(view.decision),
        would=_choice(view.would),
        work=_work(view.signals.work),
        fleet=_fleet(view.signals.fleet),
        timeline=timeline,
    )


def flat(view: View) -> dict[str, float] | None:
    """The figures that another scaler may aim at, by the names of their JSON; None while they aren't known."""
    work, fleet, would = view.signals.work, view.signals.fleet, view.would
    if work is None or would is None:
        return None
    figures = {
        "backlog": work.backlog,
        "waiting": work.waiting,
        "due": work.due,
        "barred": work.barred,
        "inFlight": work.in_flight,
        "oldestSeconds": work.oldest,
        "arrivalRate": work.arrival_rate,
        "replicas": fleet.wanted,
        "ready": fleet.ready,
        "busy": fleet.busy,
        "desiredReplicas": would.replicas,
    }
    return figures if work.service_seconds is None else figures | {"serviceSeconds": work.service_seconds}


def _choice(decision: Decision | None) -> Choice | None:
    if decision is None:
        return None
    return Choice(decision.replicas, decision.reason, decision.message, decision.inputs, decision.recommended)


def _work(work: signals.Work | None) -> Work | None:
    if work is None:
        return None
    return Work(
        backlog=work.backlog,
        waiting=work.waiting,
        due=work.due,
        barred=work.barred,
        in_flight=work.in_flight,
        oldest_seconds=work.oldest,
        arrival_rate=work.arrival_rate,
        service_seconds=work.service_seconds,
        most=work.most,
    )


def _fleet(fleet: signals.Fleet) -> Fleet:
    return Fleet(
        wanted=fleet.wanted,
        ready=fleet.ready,
        busy=fleet.busy,
        start_seconds=fleet.start_seconds,
        rolling_out=fleet.rolling_out,
        trouble=fleet.trouble,
        broken=fleet.broken,
    )
