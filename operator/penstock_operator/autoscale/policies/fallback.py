"""Queues that can't be read: unknown is not zero."""

from __future__ import annotations

from penstock.resources.autoscaling import Autoscaling
from penstock_operator.autoscale.case import Proposal
from penstock_operator.autoscale.signals import Fleet

__all__ = ["by_fallback"]


def by_fallback(auto: Autoscaling, fleet: Fleet) -> Proposal:
    """What there is, or up to the fallback (from zero, too) or minReplicas, but never less."""
    fallback = auto.fallback.replicas if auto.fallback else 0
    if fallback > fleet.wanted and fallback >= auto.min_replicas:
        return Proposal(fallback, "Fallback", f"the queues can't be read: autoscaling.fallback asks for {fallback}")
    if auto.min_replicas > fleet.wanted:
        return Proposal(
            auto.min_replicas, "BrokerUnreachable", "the queues can't be read: autoscaling.minReplicas counts"
        )
    return Proposal(fleet.wanted, "BrokerUnreachable", "the queues can't be read: the count is held")
