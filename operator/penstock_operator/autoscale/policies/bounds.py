"""minReplicas and maxReplicas."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["bounded"]


def bounded(proposal: Proposal, case: Case) -> Proposal:
    """Within the spec's bounds, which hold at once."""
    least, most = case.auto.min_replicas, case.auto.max_replicas
    if proposal.replicas < least:
        return proposal.but(least, "AtMinReplicas", f"autoscaling.minReplicas is {least}")
    if proposal.replicas > most:
        return proposal.but(most, "AtMaxReplicas", f"autoscaling.maxReplicas is {most}")
    return proposal
