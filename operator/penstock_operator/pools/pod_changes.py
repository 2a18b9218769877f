"""Changing the annotations of workers' pods."""

from __future__ import annotations

from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock_operator.api import OWNER, PODS

__all__ = ["change_pod"]

NOT_FOUND = 404


async def change_pod(kube: Kube, namespace: str, pod: str, change: Manifest) -> None:
    """Merge a change into a pod, unless it is gone meanwhile."""
    try:
        await kube.merge(PODS, namespace, pod, change, owner=OWNER)
    except ApiRefused as error:
        if error.status != NOT_FOUND:
            raise
