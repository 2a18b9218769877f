"""What a WorkerPool's status says: pure, from its Deployment and the last decision."""

from __future__ import annotations

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.autoscaling import Mode
from penstock.resources.limits import MESSAGE_LENGTH
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.decision import Decision, notable
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.policies.windows import misspelt
from penstock_operator.autoscale.signals import Fleet
from penstock_operator.conditions import Row, conditions
from penstock_operator.manifests import selector
from penstock_operator.pools.state import PoolState

__all__ = ["pool_status", "said"]

STARTING = Decision(0, "Starting", "the queues are about to be read")
UNREADABLE = ("BrokerUnreachable", "Fallback")


def pool_status(state: PoolState, *, old: Manifest, now: float) -> Manifest:
    """The whole status; `old` keeps transition times."""
    deployment, decision = state.deployment or DeploymentView(), state.decision or STARTING
    labels = ",".join(f"{key}={value}" for key, value in selector(state.key[1]).items())
    generation = state.pool.metadata.generation or 1
    return {
        "observedGeneration": generation,
        "replicas": deployment.replicas,
        "readyReplicas": deployment.ready,
        "busyReplicas": state.signals.fleet.busy,
        "desiredReplicas": decision.replicas if state.decision else deployment.wanted,
        "selector": labels,
        "decision": _decision(decision, old, now),
        "conditions": conditions(_told(state, deployment, decision), generation, old=old, now=now),
    }


def said(status: Manifest) -> Manifest:
    """A status without what changes all the time: figures, and which rule was the last to speak."""
    decision = status.get("decision") or {}
    return status | {
        "busyReplicas": 0,
        "decision": [decision.get("replicas"), notable(decision.get("reason", ""))],
        "conditions": [_unworded(condition) for condition in status.get("conditions", ())],
    }


def _unworded(condition: Manifest) -> Manifest:
    """Scaling words its message anew with each figure."""
    return condition | {"message": ""} if condition["type"] in ("Progressing", "ScalingLimited") else condition


def _decision(decision: Decision, old: Manifest, now: float) -> Manifest:
    before = old.get("decision") or {}
    same = (before.get("replicas"), before.get("reason")) == (decision.replicas, decision.reason)
    return {
        "replicas": decision.replicas,
        "reason": decision.reason,
        "message": decision.message[:MESSAGE_LENGTH],
        "inputs": decision.inputs,
        "at": before["at"] if same and "at" in before else moment(now),
    }


def _told(state: PoolState, deployment: DeploymentView, decision: Decision) -> list[Row]:
    fleet, refused = state.signals.fleet, state.refused
    ready = not refused and deployment.ready >= decision.replicas
    settled = deployment.replicas == deployment.ready == decision.replicas
    reachable = decision.reason not in UNREADABLE
    return [
        ("Ready", ready, _ready_reason(deployment, decision, refused), refused or fleet.trouble),
        ("Progressing", not settled, _progress(state, settled), decision.message),
        _limited(fleet, decision),
        ("BrokerReachable", reachable, "Answered" if reachable else "Unreachable", ""),
        _understood(state),
    ]


def _progress(state: PoolState, settled: bool) -> str:
    if state.chosen:
        return "WorkersLeaving"
    return "Settled" if settled else "Scaling"


def _limited(fleet: Fleet, decision: Decision) -> Row:
    """What keeps the count, or the pods, from what the work asks for."""
    if fleet.trouble:
        return ("ScalingLimited", True, "PodsCannotStart", fleet.trouble)
    if decision.reason == "AtMaxReplicas":
        return ("ScalingLimited", True, decision.reason, decision.message)
    return ("ScalingLimited", False, "WithinBounds", "")


def _understood(state: PoolState) -> Row:
    """Whether all that the spec asks for is acted on; silence about it would be worse than the lack."""
    if wrong := misspelt(state.pool.spec.autoscaling.windows):
        return ("Enforced", False, "NotUnderstood", "; ".join(wrong))
    if state.overridden:
        message = f"the operator decides on these, and the template's are left out: {', '.join(state.overridden)}"
        return ("Enforced", False, "TemplateOverridden", message)
    spec = state.pool.spec
    if spec.autoscaling.mode is Mode.AUTO and spec.replicas != WorkerPoolSpec.model_fields["replicas"].default:
        message = f"spec.replicas ({spec.replicas}) counts in autoscaling.mode Off and External, and the mode is Auto"
        return ("Enforced", False, "ReplicasIgnored", message)
    return ("Enforced", True, "AllFields", "")


def _ready_reason(deployment: DeploymentView, decision: Decision, refused: str) -> str:
    if refused:
        return "DeploymentRefused"
    if decision.replicas == 0:
        return "ScaledToZero"
    return "WorkersReady" if deployment.ready >= decision.replicas else "WorkersStarting"
