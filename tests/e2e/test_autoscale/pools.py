"""The pools of these tests, each with a queue of its own name."""

from __future__ import annotations

import copy
from typing import Any

Manifest = dict[str, Any]
SOURCE = "e2e"  # the ConfigMap with tests/e2e/tasks.py
# The pause container is the pods' first process, so that a worker can be killed as any other process.
TEMPLATE: Manifest = {
    "metadata": {},
    "spec": {
        "shareProcessNamespace": True,
        "containers": [{"name": "worker", "env": [{"name": "PENSTOCK_LEASE_SECONDS", "value": "15"}]}],
    },
}


def pool(name: str, autoscaling: Manifest | None = None, **spec: object) -> Manifest:
    """A pool whose workers take two tasks at a time; two tasks of backlog want one."""
    defaults: Manifest = {
        "app": "tasks:app",
        "queues": [name],
        "concurrency": 2,
        "drainSeconds": 5,
        "source": {"configMap": SOURCE},
        "template": copy.deepcopy(TEMPLATE),
        "autoscaling": {
            "minReplicas": 0,
            "maxReplicas": 4,
            "target": {"backlogPerReplica": 2},
            "idleSeconds": 1,
            **(autoscaling or {}),
        },
    }
    return {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": name},
        "spec": {**defaults, **spec},
    }


def with_environment(**values: str) -> Manifest:
    """The template with more environment, which makes it another one."""
    changed = copy.deepcopy(TEMPLATE)
    [worker] = changed["spec"]["containers"]
    worker["env"] += [{"name": name, "value": value} for name, value in values.items()]
    return changed
