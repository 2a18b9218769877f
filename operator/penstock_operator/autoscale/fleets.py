"""A pool's workers, counted: from its Deployment, its pods, and what they hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.autoscale.signals import Fleet

__all__ = ["fleet_of"]


def fleet_of(
    deployment: DeploymentView, pods: Collection[PodView], held: Mapping[str, int], start_seconds: float
) -> Fleet:
    """`held`: how many tasks each worker holds, by its pod's name."""
    alive = [pod for pod in pods if pod.alive]
    broken = [pod for pod in alive if pod.broken]
    waiting = [pod for pod in alive if pod.trouble]
    return Fleet(
        deployment.wanted,
        sum(pod.ready for pod in alive),
        sum(bool(held.get(pod.name)) for pod in alive),
        start_seconds,
        deployment.rolling_out,
        deployment.trouble or _told(broken or waiting, len(alive)) or deployment.stalled,
        bool(broken),
    )


def _told(pods: Collection[PodView], of: int) -> str:
    """What the first of them says, and for how many it stands."""
    return next((f"{len(pods)} of {of} pods: {pod.trouble}" for pod in pods), "")
