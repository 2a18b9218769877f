"""autoscaling.mode: whoever writes /scale decides, or nobody."""

from __future__ import annotations

from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.case import Proposal

__all__ = ["by_mode"]


def by_mode(spec: WorkerPoolSpec) -> Proposal | None:
    """spec.replicas, where it isn't Auto."""
    mode = spec.autoscaling.mode
    if mode is Mode.AUTO:
        return None
    return Proposal(spec.replicas, f"Mode{mode}", f"autoscaling.mode is {mode}: spec.replicas counts")
