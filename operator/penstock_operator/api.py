"""The kinds that the operator handles, by their places in the API."""

from __future__ import annotations

from penstock.kube import Manifest, Resource
from penstock.report import TASK_BATCHES, TASKS, WORKER_POOLS
from penstock.resources.kinds import GROUP, VERSION

__all__ = [
    "CORE_EVENTS",
    "DEPLOYMENTS",
    "EVENTS",
    "LEASES",
    "NAMESPACES",
    "OWNER",
    "PODS",
    "POD_DISRUPTION_BUDGETS",
    "ROLE_BINDINGS",
    "SECRETS",
    "SERVICE_ACCOUNTS",
    "TASKS",
    "TASK_BATCHES",
    "TASK_QUEUES",
    "WORKER_POOLS",
    "Key",
    "part",
]

TASK_QUEUES = Resource(f"/apis/{GROUP}/{VERSION}", "taskqueues")
DEPLOYMENTS = Resource("/apis/apps/v1", "deployments")
CORE_EVENTS = Resource("/api/v1", "events")
EVENTS = Resource("/apis/events.k8s.io/v1", "events")
LEASES = Resource("/apis/coordination.k8s.io/v1", "leases")
NAMESPACES = Resource("/api/v1", "namespaces")
PODS = Resource("/api/v1", "pods")
POD_DISRUPTION_BUDGETS = Resource("/apis/policy/v1", "poddisruptionbudgets")
SECRETS = Resource("/api/v1", "secrets")
SERVICE_ACCOUNTS = Resource("/api/v1", "serviceaccounts")
ROLE_BINDINGS = Resource("/apis/rbac.authorization.k8s.io/v1", "rolebindings")

OWNER = "penstock-operator"  # the field manager of what the operator writes

Key = tuple[str, str]
"""(namespace, name) of an object."""


def part(manifest: Manifest, name: str) -> Manifest:
    """Its spec or status, whatever stands there: empty where that is no object."""
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}
