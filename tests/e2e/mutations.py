"""Manifests that are almost right: a valid one of each kind, in which something was replaced by something odd."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.e2e.api import API_VERSION

__all__ = ["KINDS", "mutated"]

KINDS = {"Task": "tasks", "TaskBatch": "taskbatches", "TaskQueue": "taskqueues", "WorkerPool": "workerpools"}
VALID: dict[str, dict[str, Any]] = {
    "Task": {
        "task": "e2e.noop",
        "queue": "nobody",
        "args": [1, "two", {"three": [3]}],
        "kwargs": {"a": 1},
        "priority": "high",
        "notBefore": "2026-01-01T00:00:00Z",
        "timeoutSeconds": 5,
        "deadlineSeconds": 100_000,
        "retry": {"maxAttempts": 3, "backoff": {"initialSeconds": 1}},
        "concurrencyKey": "key",
        "dependsOn": [{"name": "other"}],
        "suspend": True,
        "run": 1,
        "ttlSecondsAfterFinished": 3600,
    },
    "TaskBatch": {
        "task": "e2e.noop",
        "queue": "nobody",
        "items": [{"args": [1]}, {"kwargs": {"a": 1}}],
        "parallelism": 2,
        "failurePolicy": {"maxFailures": 1},
        "suspend": True,
    },
    "TaskQueue": {
        "rateLimit": {"tasks": 5, "periodSeconds": 1},
        "concurrency": {"max": 5, "perKey": 1},
        "retry": {"maxAttempts": 2},
        "maxDepth": 100,
        "overflow": "Wait",
        "allowedTasks": ["e2e.*"],
    },
    "WorkerPool": {
        "app": "tasks:app",
        "queues": ["nobody"],
        "concurrency": 2,
        "autoscaling": {"minReplicas": 0, "maxReplicas": 1, "idleSeconds": 5},
        "template": {"spec": {"nodeSelector": {"penstock.dev/nowhere": "true"}, "containers": [{"name": "worker"}]}},
    },
}
DEEP = "@DEEP:"  # replaced in the text: Python's encoder goes no deeper than its stack


def _odd(random: Random) -> Any:
    return random.choice(
        [
            None,
            True,
            -1,
            0,
            2**31,
            2**63 - 1,
            1e300,
            0.1 + random.random(),
            "",
            " ",
            "x" * random.choice([64, 300, 5_000, 100_000]),
            "\u202e\U0001d4b3\u0000\u00e9\u200b",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "2026-02-30T25:61:61Z",
            "Urgent",
            [],
            {},
            [None] * random.choice([1, 70, 300]),
            {str(number): number for number in range(random.choice([1, 100]))},
            {"$ref": "#", "x-kubernetes-preserve-unknown-fields": True},
            f"{DEEP}{random.choice([90, 110, 300, 1_100, 5_000])}",
        ]
    )


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from _places(inner, (*path, name))


def mutated(random: Random, number: int) -> tuple[str, str, str]:
    """Kind, name and JSON of one."""
    kind = random.choice(list(VALID))
    spec = copy.deepcopy(VALID[kind])
    for _ in range(random.randint(1, 3)):
        place = random.choice(list(_places(spec)))
        holder: Any = spec
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = _odd(random)
    name = f"mutant-{number}"
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return kind, name, _deepened(json.dumps(body))


def _deepened(text: str) -> str:
    """With what is nested as deep as was asked for."""
    while (at := text.find(f'"{DEEP}')) >= 0:
        end = text.index('"', at + 1)
        levels = int(text[at + 1 + len(DEEP) : end])
        text = text[:at] + "[" * levels + "]" * levels + text[end + 1 :]
    return text
