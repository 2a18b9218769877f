"""How many workers a pool gets. Pure: signals, a spec and the history in, a decision with its reason out.

The order, of which each step may overrule the one before:

    mode · pause · fallback     is it for us to decide, and is enough known?
    backlog | latency           what the work asks for: the recommendation
    tolerance → stabilization → windows → speed → zero → stuck → bounds → rollout

A window's floor is a plan and not a measurement: nothing to stabilize, or one with scaleUp's window would never open.
"""

from __future__ import annotations

from functools import reduce

from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.case import Case, Policy, Proposal
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.policies.backlog import by_backlog
from penstock_operator.autoscale.policies.bounds import bounded
from penstock_operator.autoscale.policies.fallback import by_fallback
from penstock_operator.autoscale.policies.latency import by_latency
from penstock_operator.autoscale.policies.mode import by_mode
from penstock_operator.autoscale.policies.pause import by_pause
from penstock_operator.autoscale.policies.rollout import settled
from penstock_operator.autoscale.policies.speed import paced
from penstock_operator.autoscale.policies.stabilization import stabilized
from penstock_operator.autoscale.policies.stuck import unstuck
from penstock_operator.autoscale.policies.tolerance import tolerated
from penstock_operator.autoscale.policies.windows import floored
from penstock_operator.autoscale.policies.zero import awake
from penstock_operator.autoscale.signals import Signals, Work

__all__ = ["decide", "recommend"]

CHAIN: tuple[Policy, ...] = (tolerated, stabilized, floored, paced, awake, unstuck, bounded, settled)


def decide(signals: Signals, spec: WorkerPoolSpec, history: History, now: float) -> Decision:
    """The decision on a pool; `now` is in seconds since the epoch."""
    told = by_mode(spec)
    if told is None:
        return recommend(signals, spec, history, now)
    case = Case(signals.work or Work(), signals.fleet, spec, history, now)
    return _decision(settled(told, case), signals, told.replicas)


def recommend(signals: Signals, spec: WorkerPoolSpec, history: History, now: float) -> Decision:
    """What mode Auto would decide."""
    fleet = signals.fleet
    if (held := by_pause(spec.autoscaling, fleet)) is not None:
        return _decision(held, signals, held.replicas)
    if signals.work is None:
        held = by_fallback(spec.autoscaling, fleet)
        return _decision(held, signals, held.replicas)
    case = Case(signals.work, fleet, spec, history, now)
    aim = _aim(case)
    return _decision(reduce(lambda proposal, policy: policy(proposal, case), CHAIN, aim), signals, aim.replicas)


def _aim(case: Case) -> Proposal:
    by_rate = case.auto.target.latency_seconds is not None
    # The mean of arrivals fades slowly; idleSeconds say when the last one was long enough ago.
    if not case.work.backlog and not (by_rate and case.idle_seconds < case.auto.idle_seconds):
        barred = f"; {case.work.barred:.4g} tasks may not start: paused, or over a limit" if case.work.barred else ""
        return Proposal(0, "Idle", f"nothing to do{barred}")
    return by_latency(case) if by_rate else by_backlog(case)


def _decision(proposal: Proposal, signals: Signals, recommended: int) -> Decision:
    return Decision(
        proposal.replicas,
        proposal.reason,
        proposal.message,
        {} if signals.work is None else _inputs(signals.work, signals),
        recommended,
    )


def _inputs(work: Work, signals: Signals) -> dict[str, float]:
    """The figures that the decision was taken from, as the resource shows them."""
    fleet = signals.fleet
    return {
        "waiting": round(work.waiting, 2),
        "due": round(work.due, 2),
        "barred": round(work.barred, 2),
        "inFlight": round(work.in_flight, 2),
        "oldestSeconds": round(work.oldest, 1),
        "arrivalRate": round(work.arrival_rate, 3),
        "serviceSeconds": round(work.service_seconds or 0.0, 4),
        "ready": fleet.ready,
        "busy": fleet.busy,
        "startSeconds": round(fleet.start_seconds, 1),
    }
