"""autoscaling.paused."""

from __future__ import annotations

from penstock.resources.autoscaling import Autoscaling
from penstock_operator.autoscale.case import Proposal
from penstock_operator.autoscale.signals import Fleet

__all__ = ["by_pause"]


def by_pause(auto: Autoscaling, fleet: Fleet) -> Proposal | None:
    """What there is, as long as it is paused."""
    if not auto.paused:
        return None
    return Proposal(fleet.wanted, "Paused", "autoscaling.paused is true: the count is held")
