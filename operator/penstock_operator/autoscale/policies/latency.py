"""target.latencySeconds: as many replicas as let a task start within T seconds.

Little's law (L = λ·W; Little, "A Proof for the Queuing Formula", 1961) for the places in which tasks run: work that
comes at a rate λ and takes S keeps λ·S of them busy. To begin a backlog B within T besides, B/T more have to start each
second, so (λ + B/T)·S places are wanted, and ⌈(λ + B/T)·S / places of a replica⌉ replicas. What is in flight keeps its
places, whatever the rates say.
"""

from __future__ import annotations

import math

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["by_latency"]

PRIOR_SECONDS = 1.0  # S, until any attempt was measured


def by_latency(case: Case) -> Proposal:
    """⌈(λ + B/T)·S / c⌉, at least what is in flight and one for anything that waits."""
    work, objective = case.work, case.auto.target.latency_seconds or 1.0
    service = PRIOR_SECONDS if work.service_seconds is None else work.service_seconds
    wanted = (work.arrival_rate + work.waiting / objective) * service
    places = max(wanted, work.in_flight)
    if work.most is not None:
        places = min(places, work.most)
    replicas = math.ceil(round(places / case.places, 6))
    least = 1 if work.backlog else 0
    return Proposal(
        max(least, replicas),
        "Latency",
        f"{work.waiting:.4g} tasks wait and {work.arrival_rate:.3g} a second come, {service:.3g} s each: "
        f"{places:.3g} places let them start within {objective:g} s, {case.places} in each replica",
    )
