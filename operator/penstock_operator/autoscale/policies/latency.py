"""target.latencySeconds: as many replicas as let a task start within T seconds.

Little's law (L = λ·W; Little, "A Proof for the Queuing Formula", 1961) for the places in which tasks run: work that
comes at a rate λ and takes S keeps λ·S of them busy. To begin a backlog B within T besides, B/T more have to start each
second, so (λ + B/T)·S places are wanted, and ⌈(λ + B/T)·S / places of a replica⌉ replicas. That holds for tasks which
end within T; of longer ones each that waits wants a place of its own, and no more: λ·S + B·min(1, S/T).

B is what will wait by the time that a worker which starts now is up: what those who are up can't begin comes on top.
B can't have the places of those F·(1 - T/S) in flight that don't end within T, be they more than λ·S: all came at once.
What is in flight keeps its places, whatever the rates say.
"""

from __future__ import annotations

import math

from penstock_operator.autoscale.case import Case, Proposal
from penstock_operator.autoscale.rates import LEAST_SERVICE_SECONDS, PRIOR_SECONDS

__all__ = ["by_latency", "objective", "service"]

LEAST_SECONDS = 0.001  # T: shorter than that nobody can measure


def by_latency(case: Case) -> Proposal:
    """⌈(λ·S + B·min(1, S/T)) / c⌉, at least what is in flight and one for anything that waits."""
    work, within, each = case.work, objective(case), service(case)
    backlog = work.waiting + _growth(case) * case.fleet.start_seconds
    kept = work.in_flight * max(0.0, 1.0 - within / each) + work.arrival_rate * min(each, within)
    wanted = max(work.arrival_rate * each, kept) + backlog * min(1.0, each / within)
    most = work.backlog + work.arrival_rate * (case.fleet.start_seconds + within)
    places = max(work.in_flight, min(wanted, most if work.most is None else min(most, work.most)))
    replicas = math.ceil(round(places / case.places, 6))
    least = 1 if work.backlog else 0
    return Proposal(
        max(least, replicas),
        "Latency",
        f"{work.waiting:.4g} tasks wait and {work.arrival_rate:.3g} a second come, {each:.3g} s each: "
        f"{places:.3g} places let them start within {within:g} s, {case.places} in each replica",
    )


def objective(case: Case) -> float:
    """T, s."""
    return max(LEAST_SECONDS, case.auto.target.latency_seconds or 1.0)


def service(case: Case) -> float:
    """S, s."""
    known = case.work.service_seconds
    return PRIOR_SECONDS if known is None else max(LEAST_SERVICE_SECONDS, known)


def _growth(case: Case) -> float:
    """Tasks a second that come lately, beyond what the workers that are up can begin."""
    return max(0.0, case.work.recent_rate - case.fleet.ready * case.places / service(case))
