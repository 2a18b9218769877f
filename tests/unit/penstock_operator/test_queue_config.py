from __future__ import annotations

import pytest

from penstock.broker.messages import Limits, QueueConfig
from penstock.resources.queue import TaskQueueSpec
from penstock.resources.retry import RetryPolicy as RetrySpec
from penstock.retry import RetryPolicy
from penstock_operator.queue_config import config_of


def test_the_spec_becomes_the_workers_settings() -> None:
    spec = TaskQueueSpec.model_validate(
        {
            "retry": {"maxAttempts": 9},
            "timeoutSeconds": 1.5,
            "resultTTLSeconds": 60,
            "maxCrashes": 1,
            "deadLetter": {"maxLength": 7, "retentionSeconds": 60},
            "rateLimit": {"tasks": 5, "periodSeconds": 60, "burst": 3, "perKey": True},
            "concurrency": {"max": 8, "perKey": 2},
            "maxDepth": 100,
            "overflow": "Wait",
        }
    )
    assert config_of(spec) == QueueConfig(
        retry=RetryPolicy(9),
        timeout=1.5,
        result_ttl=60,
        limits=Limits(5, 60, 3, True, 8, 2, 100),
        wait_for_room=True,
        max_crashes=1,
        dead_letters=7,
        dead_seconds=60,
    )


@pytest.mark.parametrize(
    ("spec", "limits"),
    [
        ({}, Limits()),
        ({"rateLimit": {"tasks": 5}}, Limits(rate=5, period=1, burst=1)),  # evenly spread
        ({"concurrency": {"max": 8}}, Limits(concurrency=8)),
        ({"concurrency": {"perKey": 2}}, Limits(concurrency_per_key=2)),
        ({"maxDepth": 9}, Limits(depth=9)),
    ],
)
def test_limits_that_are_absent_do_not_limit(spec: dict[str, object], limits: Limits) -> None:
    config = config_of(TaskQueueSpec.model_validate(spec))
    assert (config.limits, config.wait_for_room) == (limits, False)


def test_the_defaults_of_resource_and_broker_are_the_same() -> None:
    assert config_of(TaskQueueSpec()) == QueueConfig(result_ttl=3600)


def test_the_defaults_of_retries_are_the_same_in_resource_and_message() -> None:
    assert RetryPolicy.of(RetrySpec()) == RetryPolicy()
    assert config_of(TaskQueueSpec()).retry is None
