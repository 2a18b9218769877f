"""A TaskQueue's settings as workers, submitters and admission obey them. Pure."""

from __future__ import annotations

from penstock.broker.messages import Limits, QueueConfig
from penstock.resources.queue import Overflow, TaskQueueSpec
from penstock.retry import RetryPolicy

__all__ = ["config_of"]


def config_of(spec: TaskQueueSpec) -> QueueConfig:
    """What is published to the broker."""
    return QueueConfig(
        retry=RetryPolicy.of(spec.retry) if spec.retry else None,
        timeout=spec.timeout_seconds,
        result_ttl=spec.result_ttl_seconds,
        limits=_limits(spec),
        wait_for_room=spec.overflow is Overflow.WAIT,
        max_crashes=spec.max_crashes,
        dead_letters=spec.dead_letter.max_length,
        dead_seconds=spec.dead_letter.retention_seconds,
    )


def _limits(spec: TaskQueueSpec) -> Limits:
    rate, concurrency = spec.rate_limit, spec.concurrency
    return Limits(
        rate=rate.tasks if rate else None,
        period=rate.period_seconds if rate else 1.0,
        burst=(rate.burst if rate else None) or 1,
        rate_per_key=rate.per_key if rate else False,
        concurrency=concurrency.max if concurrency else None,
        concurrency_per_key=concurrency.per_key if concurrency else None,
        depth=spec.max_depth,
    )
