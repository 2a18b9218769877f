"""What Kubernetes' Events say of pods that don't start. Some reasons, such as a volume that can't be mounted, stand
nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import PenstockError
from penstock.kube import Kube, Manifest
from penstock_operator.api import CORE_EVENTS

__all__ = ["PodEvents", "latest"]


class PodEvents:
    """Looks at one pod of a pool at a time, and not often: each look is a request."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def about(self, namespace: str, uid: str) -> str:
        """The latest warning about a pod; empty where there is none, or it can't be read."""
        selector = {"fieldSelector": f"involvedObject.uid={uid},type=Warning"}
        try:
            return latest([event async for event in self._kube.list(CORE_EVENTS, namespace, **selector)])
        except PenstockError:  # an explanation is worth no failure
            return ""


def latest(events: list[Manifest]) -> str:
    """Reason and message of the one that was seen last."""
    if not events:
        return ""
    last = max(events, key=_seen)
    return f"{last.get('reason', '')}: {' '.join(str(last.get('message', '')).split())}"


def _seen(event: Mapping[str, object]) -> str:
    """When; all of these are RFC 3339 in UTC."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")
