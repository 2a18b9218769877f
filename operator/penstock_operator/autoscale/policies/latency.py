"""target.latencySeconds: as many replicas as let a task start within T seconds.

Little's law (L = λ·W; Little, "A Proof for the Queuing Formula", 1961) for the places in which tasks run: work that
comes at a rate λ and takes S keeps λ·S of them busy. To begin a backlog B within T besides, B/T more have to start each
second, so (λ + B/T)·S places are wanted, and ⌈(λ + B/T)·S / places of a replica⌉ replicas. That holds for tasks which
end within T; of longer ones it would want more places than there are tasks. So there is never more than one for each
that runs, waits, or will come before a worker that starts now has had T. What is in flight keeps its places, whatever
the rates say.
"""

from __future__ import annotations

import math

from penstock_operator.autoscale.case import Case, Proposal
from penstock_operator.autoscale.rates import PRIOR_SECONDS

__all__ = ["by_latency"]

LEAST_SECONDS = 0.001  # T: shorter than that nobody can measure


def by_latency(case: Case) -> Proposal:
    """⌈(λ + B/T)·S / c⌉, at least what is in flight and one for anything that waits, at most what there is to do."""
    work, objective = case.work, max(LEAST_SECONDS, case.auto.target.latency_seconds or 1.0)
    service = PRIOR_SECONDS if work.service_seconds is None else work.service_seconds
    wanted = (work.arrival_rate + work.waiting / objective) * service
    tasks = work.backlog + work.arrival_rate * (case.fleet.start_seconds + objective)
    most = tasks if work.most is None else min(tasks, work.most)
    places = max(work.in_flight, min(wanted, most))
    replicas = math.ceil(round(places / case.places, 6))
    least = 1 if work.backlog else 0
    return Proposal(
        max(least, replicas),
        "Latency",
        f"{work.waiting:.4g} tasks wait and {work.arrival_rate:.3g} a second come, {service:.3g} s each: "
        f"{places:.3g} places let them start within {objective:g} s, {case.places} in each replica",
    )
