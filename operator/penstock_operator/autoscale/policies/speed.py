"""scaleUp/scaleDown.policies: how much the count may change within a period, as in HorizontalPodAutoscaler v2.

A policy counts from what there was at the start of its period: what was decided then, so that changes in between are
used up. `Max` takes the policy that allows most, `Min` the one that allows least, `Disabled` none.
"""

from __future__ import annotations

import math

from penstock.resources.autoscaling import PolicyType, ScalingPolicy, ScalingRules, SelectPolicy
from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["paced"]


def paced(proposal: Proposal, case: Case) -> Proposal:
    """No faster than the policies say."""
    current = case.history.replicas
    up = proposal.replicas > current
    rules = case.auto.scale_up if up else case.auto.scale_down
    if rules is None or proposal.replicas == current:
        return proposal
    limit = _limit(rules, case, up=up)
    within = limit is None or (proposal.replicas <= limit if up else proposal.replicas >= limit)
    if limit is None or within:
        return proposal
    which = "scaleUp" if up else "scaleDown"
    return proposal.but(limit, "RateLimited", f"{which} allows {limit} for now")


def _limit(rules: ScalingRules, case: Case, *, up: bool) -> int | None:
    """The farthest count that is allowed now."""
    current = case.history.replicas
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    if rules.policies is None:
        return None
    limits = [
        _allowed(policy, case.history.replicas_at(case.now - policy.period_seconds), up=up) for policy in rules.policies
    ]
    widest = (max if up else min) if rules.select_policy is SelectPolicy.MAX else (min if up else max)
    return max(current, widest(limits)) if up else min(current, widest(limits))


def _allowed(policy: ScalingPolicy, start: int, *, up: bool) -> int:
    if policy.type is PolicyType.PODS:
        return start + policy.value if up else max(0, start - policy.value)
    part = start * policy.value / 100
    # Of nothing every percentage is nothing: a first worker must be allowed, or no other ever were.
    return max(1, math.ceil(start + part)) if up else max(0, math.floor(start - part))
