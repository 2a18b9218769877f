"""Rollouts: Kubernetes would choose among old and new pods, whatever their deletion costs say."""

from __future__ import annotations

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["settled"]


def settled(proposal: Proposal, case: Case) -> Proposal:
    """No scaling in before all pods are of one template, unless it is to nothing."""
    wanted = case.fleet.wanted
    if not case.fleet.rolling_out or not 0 < proposal.replicas < wanted:
        return proposal
    return proposal.but(wanted, "RollingOut", "no worker is taken away during a rollout")
