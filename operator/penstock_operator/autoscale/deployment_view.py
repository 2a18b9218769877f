"""A pool's Deployment as last seen."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.kube import Manifest

__all__ = ["DeploymentView"]


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """At that resourceVersion: how many replicas it asks for, how many there are, `ready` and `updated` to the present
    template. `observed`: whether its controller has seen the present spec, whose changes `generation` counts. `trouble`
    is what keeps pods from being made, and `stalled` that they don't come up, in Kubernetes' words."""

    wanted: int = 0
    replicas: int = 0
    ready: int = 0
    updated: int = 0
    observed: bool = True
    trouble: str = ""
    stalled: str = ""
    version: str = ""
    generation: int = 0

    @classmethod
    def of(cls, body: Manifest) -> DeploymentView:
        """From the API's JSON."""
        meta, status = body["metadata"], body.get("status") or {}
        return cls(
            body["spec"].get("replicas", 1),
            status.get("replicas", 0),
            status.get("readyReplicas", 0),
            status.get("updatedReplicas", 0),
            status.get("observedGeneration", 0) >= meta.get("generation", 0),
            _message(status, "ReplicaFailure", "True"),
            _message(status, "Progressing", "False"),
            meta.get("resourceVersion", ""),
            meta.get("generation", 0),
        )

    @property
    def rolling_out(self) -> bool:
        """Whether pods of an older template are left."""
        return self.updated < self.replicas


def _message(status: Manifest, type: str, value: str) -> str:
    for condition in status.get("conditions", ()):
        if condition["type"] == type and condition["status"] == value:
            return str(condition.get("message", condition["type"]))
    return ""
