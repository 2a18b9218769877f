"""Hysteresis upwards: while whoever is there will begin all in time, noise is no reason for another worker."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal
from penstock_operator.autoscale.policies.latency import objective, service

__all__ = ["patient"]


def patient(proposal: Proposal, case: Case) -> Proposal:
    """With a latency objective. The wait to be expected by the time that another worker would be up is what waits then,
    by the rate at which the present ones begin."""
    current = case.history.replicas
    if case.auto.target.latency_seconds is None or not 0 < current < proposal.replicas:
        return proposal
    rate = current * case.places / service(case)
    ahead = case.fleet.start_seconds
    later = case.work.waiting + max(0.0, case.work.recent_rate - rate) * ahead
    # Whoever has waited longest goes on waiting until then, if more wait than will begin meanwhile.
    wait = max(later / rate, case.work.oldest + (ahead if case.work.waiting > rate * ahead else 0.0))
    if wait > objective(case):
        return proposal
    return proposal.but(current, "WithinObjective", f"{current} will begin them within {wait:.3g} s")
