from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import ConfigurationError
from penstock.worker_settings import WorkerSettings, chosen
from penstock_worker.settings import app_target, worker_environment


def settings(**variables: str) -> WorkerSettings:
    return chosen(WorkerSettings(), {}, worker_environment(variables))


def test_the_defaults() -> None:
    assert settings() == WorkerSettings(health_port=8081)


def test_the_environment_decides() -> None:
    found: dict[str, Any] = {
        "queues": ("mail", "reports"),
        "concurrency": 4,
        "drain_seconds": 0.0,
        "lease_seconds": 2.5,
        "health_port": 9,
        "name": "fast-1",
        "log_level": "DEBUG",
    }
    assert settings(
        PENSTOCK_QUEUES="mail, reports,",
        PENSTOCK_CONCURRENCY="4",
        PENSTOCK_DRAIN_SECONDS="0",
        PENSTOCK_LEASE_SECONDS="2.5",
        PENSTOCK_HEALTH_PORT="9",
        PENSTOCK_LOG_LEVEL="debug",
        POD_NAME="fast-1",
        HOSTNAME="node",
    ) == WorkerSettings(**found)


def test_an_empty_variable_says_nothing() -> None:
    assert settings(PENSTOCK_HEALTH_PORT="", PENSTOCK_WORKER="", POD_NAME="fast-1") == settings(POD_NAME="fast-1")


def test_outside_a_pod_the_host_is_the_name() -> None:
    assert settings(HOSTNAME="laptop").name == "laptop"


def test_an_app_says_what_the_environment_does_not() -> None:
    own = WorkerSettings(concurrency=2, health_port=9)
    found = chosen(own, {}, worker_environment({"PENSTOCK_LEASE_SECONDS": "30"}))
    assert (found.concurrency, found.lease_seconds, found.health_port) == (2, 30.0, 8081)


def test_the_app_is_named() -> None:
    assert app_target({"PENSTOCK_APP": " shop.tasks:app"}) == "shop.tasks:app"


@pytest.mark.parametrize("value", [{}, {"PENSTOCK_APP": ""}, {"PENSTOCK_APP": " "}])
def test_a_missing_app_is_told(value: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="PENSTOCK_APP is empty"):
        app_target(value)


WRONG = [
    ("PENSTOCK_CONCURRENCY", "many"),
    ("PENSTOCK_CONCURRENCY", "0"),
    ("PENSTOCK_CONCURRENCY", "nan"),
    ("PENSTOCK_CONCURRENCY", "inf"),
    ("PENSTOCK_DRAIN_SECONDS", "-1"),
    ("PENSTOCK_LEASE_SECONDS", "0.5"),
    ("PENSTOCK_HEALTH_PORT", "http"),
    ("PENSTOCK_PROCESSES", "0"),
    ("PENSTOCK_MAX_TASKS", "-1"),
    ("PENSTOCK_MAX_MEMORY_MIB", "much"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_number_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}='{value}'"):
        settings(**{name: value})
