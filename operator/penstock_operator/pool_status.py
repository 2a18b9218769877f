"""What a WorkerPool's status says: pure, from its Deployment and the last decision."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.pool import WorkerPool
from penstock_operator.autoscale.policy import Decision
from penstock_operator.conditions import Row, conditions, unsupported
from penstock_operator.manifests import selector

__all__ = ["Workers", "pool_status"]

# Fields of the contract that this version stores and doesn't act on yet; the resource says so.
NOT_ENFORCED = ("scale_up", "scale_down", "prewarm_seconds", "windows")


@dataclass(frozen=True, slots=True)
class Workers:
    """A pool's Deployment as last seen, at that resourceVersion. `trouble` is what keeps its pods from starting, in
    Kubernetes' words."""

    wanted: int = 0
    replicas: int = 0
    ready: int = 0
    trouble: str = ""
    version: str = ""

    @classmethod
    def of(cls, body: Manifest) -> Workers:
        """From the API's JSON."""
        status = body.get("status") or {}
        return cls(
            body["spec"].get("replicas", 1),
            status.get("replicas", 0),
            status.get("readyReplicas", 0),
            _trouble(status),
            body["metadata"].get("resourceVersion", ""),
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
    pool: WorkerPool, workers: Workers, decision: Decision, refused: str, *, old: Manifest, now: float
) -> Manifest:
    """The whole status. `refused` is the API server's complaint about the Deployment; `old` keeps transition times."""
    labels = ",".join(f"{key}={value}" for key, value in selector(str(pool.metadata.name)).items())
    generation = pool.metadata.generation or 1
    return {
        "observedGeneration": generation,
        "replicas": workers.replicas,
        "readyReplicas": workers.ready,
        "busyReplicas": int(decision.inputs.get("busy", 0)),
        "desiredReplicas": decision.replicas,
        "selector": labels,
        "decision": _decision(decision, old, now),
        "conditions": conditions(_told(pool, workers, decision, refused), generation, old=old, now=now),
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


def _told(pool: WorkerPool, workers: Workers, decision: Decision, refused: str) -> list[Row]:
    ready = not refused and workers.ready >= decision.replicas
    settled = workers.replicas == workers.ready == decision.replicas
    limited = bool(workers.trouble) or decision.reason == "AtMaxReplicas"
    reachable = decision.reason not in ("BrokerUnreachable", "Fallback")
    auto = pool.spec.autoscaling
    return [
        ("Ready", ready, _ready_reason(workers, decision, refused), refused or workers.trouble),
        ("Progressing", not settled, "Settled" if settled else "Scaling", decision.message),
        ("ScalingLimited", limited, decision.reason if not workers.trouble else "PodsCannotStart", workers.trouble),
        ("BrokerReachable", reachable, "Answered" if reachable else "Unreachable", ""),
        unsupported([f"autoscaling.{field}" for field in NOT_ENFORCED if getattr(auto, field)]),
    ]


def _ready_reason(workers: Workers, decision: Decision, refused: str) -> str:
    if refused:
        return "DeploymentRefused"
    if decision.replicas == 0:
        return "ScaledToZero"
    return "WorkersReady" if workers.ready >= decision.replicas else "WorkersStarting"
