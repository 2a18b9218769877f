"""The calls of a batch: what they may ask for, and the TaskBatch that stands for them. Pure."""

from __future__ import annotations

import math
from typing import Any

from penstock import limits, telemetry
from penstock.batch import BatchFields
from penstock.errors import ConfigurationError
from penstock.kube import Manifest
from penstock.resource_client import checked_manifest, generated_name
from penstock.resources.batch import TaskBatch
from penstock.submission import Signature

__all__ = ["batch_manifest", "check_item"]

# Each makes more of a task than a message that waits for a worker, and is nothing that a batch could count.
_NOT_FOR_ITEMS = (
    *("id", "delay", "at", "deadline", "key", "concurrency_key"),
    *("resource", "child", "debounce", "expires"),
)


def check_item(call: Signature[Any], like: Signature[Any]) -> None:
    """Raise ConfigurationError unless a call can be an item of the batch that began with another."""
    if call.definition is not like.definition or call.queue != like.queue:
        raise ConfigurationError(
            f"batch(): {call.definition.name} in queue {call.queue!r} among calls of {like.definition.name} in queue "
            f"{like.queue!r}; a batch is of one task and one queue"
        )
    if call is like or call.options is not like.options:
        _check_options(call)


def _check_options(call: Signature[Any]) -> None:
    for name in _NOT_FOR_ITEMS:
        if value := getattr(call.options, name):
            raise ConfigurationError(f"batch(): {name}={value!r} isn't for items of a batch; leave it out")
    if call.definition.options.broadcast:
        raise ConfigurationError(f"batch(): {call.definition.name} is a broadcast, which nobody counts")


def batch_manifest(first: Signature[Any], asked: BatchFields, traceparent: str | None) -> Manifest:
    """The TaskBatch that begins with this call; its items are streamed. Raises ConfigurationError."""
    check_item(first, first)
    found: dict[str, Any] = limits.checked_fields("batch", limits.BATCH, asked)
    options, declared = first.options, first.definition.options
    retry = first.retry() or declared.retry
    policy = {"maxFailures": found.get("max_failures"), "maxFailureRatio": found.get("max_failure_ratio")}
    if None not in policy.values():
        raise ConfigurationError("batch(max_failures=…, max_failure_ratio=…): they exclude each other, keep one")
    spec = {
        "task": first.definition.name,
        "queue": first.queue,
        "priority": options.priority or declared.priority,
        "timeoutSeconds": options.timeout or declared.timeout,
        "retry": retry and retry.spec(),
        "parallelism": found.get("parallelism"),
        "failurePolicy": {name: value for name, value in policy.items() if value is not None} or None,
        "deadlineSeconds": found.get("deadline"),
        "ttlSecondsAfterFinished": math.ceil(ttl) if (ttl := found.get("ttl")) is not None else None,
    }
    annotations = {telemetry.ANNOTATION: traceparent} if traceparent else {}
    metadata = {"name": found.get("name") or generated_name(first.definition.name), "annotations": annotations}
    return checked_manifest(metadata, spec, TaskBatch)
