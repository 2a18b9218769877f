"""The pools' Deployments, as the watch tells of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from penstock.kube import Manifest
from penstock_operator.api import Key
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.watching.names import Names

__all__ = ["Workload", "Workloads"]

_objects = msgspec.json.Decoder(Manifest)


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment: whose it is, and how it is. None: that can't be read, so it has to be looked at again."""

    uid: str
    pool: Key
    view: DeploymentView | None

    @classmethod
    def parse(cls, body: bytes) -> Workload:
        """From the API's JSON."""
        manifest = _objects.decode(body)
        return cls(*_whose(manifest), DeploymentView.of(manifest))

    @classmethod
    def misread(cls, manifest: Manifest, problem: str) -> Workload:
        """One that somebody has made unreadable."""
        return cls(*_whose(manifest), None)


def _whose(manifest: Manifest) -> tuple[str, Key]:
    metadata = manifest["metadata"]
    return metadata["uid"], (metadata["namespace"], (metadata.get("labels") or {}).get(POOL_LABEL, ""))


class Workloads:
    """Tells `seen(pool, view)` of each, and `gone(pool)` where it was deleted."""

    def __init__(self, seen: Callable[[Key, DeploymentView | None], None], gone: Callable[[Key], None]) -> None:
        self._seen = seen
        self._gone = gone
        self._names = Names()

    def seen(self, one: Workload) -> None:
        """It was added or changed, or is just there."""
        self._names.put(one.uid, one.pool)
        self._seen(one.pool, one.view)

    def gone(self, uid: str) -> None:
        """It was deleted."""
        if (pool := self._names.pop(uid)) is not None:
            self._gone(pool)

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all that are kept."""
        return self._names.uids(namespace)
