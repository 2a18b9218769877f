"""Hysteresis: a little less work than there is room for isn't worth another pod's end."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["tolerated"]

TOLERANCE = 0.1  # HorizontalPodAutoscaler's


def tolerated(proposal: Proposal, case: Case) -> Proposal:
    """Downwards only, and never to zero: where work waits, a tenth is a tenth."""
    current = case.history.replicas
    if not current * (1 - TOLERANCE) <= proposal.replicas < current or not proposal.replicas:
        return proposal
    return proposal.but(current, "WithinTolerance", f"{current} are within {TOLERANCE:.0%} of that")
