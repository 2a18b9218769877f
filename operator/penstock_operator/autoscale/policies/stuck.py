"""Pods that can't start: more of them couldn't either."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["unstuck"]


def unstuck(proposal: Proposal, case: Case) -> Proposal:
    """While no pod comes up for a reason of its own, ask for no more than was asked for: those are tried again and
    again by Kubernetes with its own back-off, and one success is the sign to go on."""
    fleet = case.fleet
    held = max(1, fleet.wanted)
    if not fleet.broken or fleet.ready or proposal.replicas <= held:
        return proposal
    return proposal.but(held, "PodsCannotStart", f"held at {held} until one does: {fleet.trouble}")
