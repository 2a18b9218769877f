from __future__ import annotations

import pytest

from penstock.errors import ConfigurationError
from penstock.worker import Limits
from penstock.worker.supervisor import PLACE
from penstock_worker.settings import Settings

LEAST = {"PENSTOCK_APP": "shop.tasks:app"}


def test_the_defaults() -> None:
    settings = Settings.from_environment(LEAST)
    assert settings == Settings("shop.tasks:app", (), 16, 30.0, 15.0, 8081, "worker", "INFO")


def test_the_environment_decides() -> None:
    settings = Settings.from_environment(
        LEAST
        | {
            "PENSTOCK_QUEUES": "mail,reports",
            "PENSTOCK_CONCURRENCY": "4",
            "PENSTOCK_DRAIN_SECONDS": "0",
            "PENSTOCK_LEASE_SECONDS": "2.5",
            "PENSTOCK_HEALTH_PORT": "9",
            "PENSTOCK_LOG_LEVEL": "debug",
            "POD_NAME": "fast-1",
            "HOSTNAME": "node",
        }
    )
    assert settings == Settings("shop.tasks:app", ("mail", "reports"), 4, 0.0, 2.5, 9, "fast-1", "DEBUG")


def test_a_lone_worker_answers_probes_itself() -> None:
    settings = Settings.from_environment(LEAST)
    assert (settings.supervises, settings.port, settings.limits) == (False, 8081, Limits())


@pytest.mark.parametrize("name", ["PENSTOCK_PROCESSES", "PENSTOCK_MAX_TASKS", "PENSTOCK_MAX_MEMORY_MIB"])
def test_several_processes_and_such_as_are_replaced_are_supervised(name: str) -> None:
    assert Settings.from_environment(LEAST | {name: "2"}).supervises


def test_a_supervised_process_supervises_nobody_and_has_a_port_of_its_own() -> None:
    environment = LEAST | {"PENSTOCK_PROCESSES": "4", "PENSTOCK_MAX_TASKS": "100", "PENSTOCK_MAX_MEMORY_MIB": "512"}
    settings = Settings.from_environment(environment | {PLACE: "2"})
    assert (settings.supervises, settings.port) == (False, 8081 + 1 + 2)
    assert settings.limits == Limits(100, 512 * 2**20)


def test_outside_a_pod_the_host_is_the_name() -> None:
    assert Settings.from_environment(LEAST | {"HOSTNAME": "laptop"}).pod == "laptop"


def test_empty_queues_are_none() -> None:
    assert Settings.from_environment(LEAST | {"PENSTOCK_QUEUES": ",mail,"}).queues == ("mail",)


def test_a_missing_app_is_named() -> None:
    with pytest.raises(ConfigurationError, match="PENSTOCK_APP is empty"):
        Settings.from_environment({})


WRONG = [
    ("PENSTOCK_CONCURRENCY", "many"),
    ("PENSTOCK_CONCURRENCY", "0"),
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
        Settings.from_environment(LEAST | {name: value})


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_count_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match="PENSTOCK_CONCURRENCY"):
        Settings.from_environment(LEAST | {"PENSTOCK_CONCURRENCY": value})


def test_spaces_between_queues_do_not_count() -> None:
    assert Settings.from_environment(LEAST | {"PENSTOCK_QUEUES": "mail, reports"}).queues == ("mail", "reports")
