from __future__ import annotations

import pytest

from penstock.errors import ConfigurationError
from penstock_operator.settings import Settings

LEAST = {"PENSTOCK_URL": "redis://r", "PENSTOCK_WORKER_IMAGE": "w:1"}


def test_the_defaults() -> None:
    settings = Settings.from_environment(LEAST)
    assert (settings.broker_url, settings.worker_image) == ("redis://r", "w:1")
    assert (settings.system_namespace, settings.worker_cluster_role) == ("penstock-system", "penstock-worker")
    assert (settings.compare_seconds, settings.health_port, settings.log_level) == (5.0, 8080, "INFO")
    assert (settings.worker_pull_policy, settings.otlp_endpoint) == ("IfNotPresent", "")


def test_the_environment_decides() -> None:
    settings = Settings.from_environment(
        LEAST | {"PENSTOCK_COMPARE_SECONDS": "0.5", "PENSTOCK_HEALTH_PORT": "9", "PENSTOCK_LOG_LEVEL": "debug"}
    )
    assert (settings.compare_seconds, settings.health_port, settings.log_level) == (0.5, 9, "DEBUG")


@pytest.mark.parametrize("missing", list(LEAST))
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        Settings.from_environment({**LEAST, missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [("PENSTOCK_COMPARE_SECONDS", "often"), ("PENSTOCK_HEALTH_PORT", "0"), ("PENSTOCK_COMPARE_SECONDS", "0")],
)
def test_a_wrong_number_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Settings.from_environment(LEAST | {name: value})


def test_where_it_works_may_be_narrowed() -> None:
    settings = Settings.from_environment(
        LEAST
        | {
            "PENSTOCK_WATCH_NAMESPACES": "a, b",
            "PENSTOCK_TASK_SELECTOR": "shard=a",
            "PENSTOCK_LEASE": "penstock-a",
            "PENSTOCK_REQUIRE_QUEUES": "true",
            "PENSTOCK_ONLY_TASKS": "true",
            "POD_NAME": "operator-1",
        }
    )
    assert (settings.watch_namespaces, settings.task_selector, settings.lease) == (("a", "b"), "shard=a", "penstock-a")
    assert (settings.require_queues, settings.only_tasks, settings.pod) == (True, True, "operator-1")
