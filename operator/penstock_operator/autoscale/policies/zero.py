"""The step to zero: only with nothing in flight, and after idleSeconds of that."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["awake"]


def awake(proposal: Proposal, case: Case) -> Proposal:
    """At least one worker, until all have been idle for long enough. What is barred needs none."""
    if proposal.replicas or not case.history.replicas:
        return proposal
    if case.fleet.busy:
        return proposal.but(1, "WorkInFlight", f"{case.fleet.busy} workers still hold tasks")
    seconds = case.auto.idle_seconds
    if case.idle_seconds < seconds:
        return proposal.but(1, "CoolingDown", f"idle; to zero after {seconds:g} s of that")
    return proposal
