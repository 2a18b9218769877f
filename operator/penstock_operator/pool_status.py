"""What a WorkerPool's status says: pure, from its Deployment and the last decision."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.meta import ObjectMeta
from penstock_operator.autoscale.policy import Decision
from penstock_operator.manifests import selector

__all__ = ["Workers", "pool_status"]


@dataclass(frozen=True, slots=True)
class Workers:
    """A pool's Deployment as last seen. `trouble` is what keeps its pods from starting, in Kubernetes' words."""

    wanted: int = 0
    replicas: int = 0
    ready: int = 0
    trouble: str = ""

    @classmethod
    def of(cls, body: Manifest) -> Workers:
        """From the API's JSON."""
        status = body.get("status") or {}
        return cls(
            body["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0), _trouble(status)
        )


def _trouble(status: Manifest) -> str:
    """A quota, a policy or an image may forbid pods: Deployment conditions tell."""
    for condition in status.get("conditions", ()):
        failing = condition["type"] == "ReplicaFailure" and condition["status"] == "True"
        stuck = condition["type"] == "Progressing" and condition["status"] == "False"
        if failing or stuck:
            return str(condition.get("message", condition["type"]))
    return ""


def pool_status(
    meta: ObjectMeta, workers: Workers, decision: Decision, refused: str, *, old: Manifest, now: float
) -> Manifest:
    """The whole status. `refused` is the API server's complaint about the Deployment; `old` keeps transition times."""
    labels = ",".join(f"{key}={value}" for key, value in selector(str(meta.name)).items())
    generation = meta.generation or 1
    return {
        "observedGeneration": generation,
        "replicas": workers.replicas,
        "readyReplicas": workers.ready,
        "busyReplicas": int(decision.inputs.get("busy", 0)),
        "desiredReplicas": decision.replicas,
        "selector": labels,
        "decision": _decision(decision, old, now),
        "conditions": _conditions(generation, workers, decision, refused, old, now),
    }


def _decision(decision: Decision, old: Manifest, now: float) -> Manifest:
    before = old.get("decision") or {}
    same = (before.get("replicas"), before.get("reason")) == (decision.replicas, decision.reason)
    return {
        "replicas": decision.replicas,
        "reason": decision.reason,
        "message": decision.message,
        "inputs": decision.inputs,
        "at": before["at"] if same and "at" in before else moment(now),
    }


def _conditions(
    generation: int, workers: Workers, decision: Decision, refused: str, old: Manifest, now: float
) -> list[Manifest]:
    ready = not refused and workers.ready >= decision.replicas
    settled = workers.replicas == workers.ready == decision.replicas
    limited = bool(workers.trouble) or decision.reason == "AtMaxReplicas"
    reachable = decision.reason not in ("BrokerUnreachable", "Fallback")
    told = [
        ("Ready", ready, _ready_reason(workers, decision, refused), refused or workers.trouble),
        ("Progressing", not settled, "Settled" if settled else "Scaling", decision.message),
        ("ScalingLimited", limited, decision.reason if not workers.trouble else "PodsCannotStart", workers.trouble),
        ("BrokerReachable", reachable, "Answered" if reachable else "Unreachable", ""),
    ]
    return [_condition(row, generation, old, now) for row in told]


def _ready_reason(workers: Workers, decision: Decision, refused: str) -> str:
    if refused:
        return "DeploymentRefused"
    if decision.replicas == 0:
        return "ScaledToZero"
    return "WorkersReady" if workers.ready >= decision.replicas else "WorkersStarting"


def _condition(row: tuple[str, bool, str, str], generation: int, old: Manifest, now: float) -> Manifest:
    type, holds, reason, message = row
    status = "True" if holds else "False"
    before = next((c for c in old.get("conditions", ()) if c["type"] == type), None)
    since = before["lastTransitionTime"] if before and before["status"] == status else moment(now)
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
