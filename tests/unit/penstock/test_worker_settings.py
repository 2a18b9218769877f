"""One table: flags, variables, an app's own values and the docs say the same."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import ConfigurationError, Penstock, WorkerSettings
from penstock.resources.pool import WorkerPoolSpec
from penstock.worker_settings import TABLE, RunFields, Setting, WorkFields, chosen, from_environment

DOCS = Path(__file__).parents[3] / "docs/sdk.md"
ODD = st.sampled_from(["abc", "NaN", "inf", "-inf", "-1", "1e400", "9" * 30, "0x10", "1,5", "½", "-", "1 2", "\x7f"])


def test_what_counts_more() -> None:
    own = WorkerSettings(concurrency=2, lease_seconds=20, drain_seconds=5)
    environment = {"PENSTOCK_CONCURRENCY": "3", "PENSTOCK_LEASE_SECONDS": "25"}
    found = chosen(own, {"concurrency": 4}, environment)
    assert (found.concurrency, found.lease_seconds, found.drain_seconds, found.processes) == (4, 25.0, 5, 1)


def test_an_app_brings_its_own() -> None:
    assert Penstock("shop", worker=WorkerSettings(concurrency=8)).worker_settings.concurrency == 8
    assert Penstock("shop").worker_settings == WorkerSettings()


def test_typed_names_are_the_table() -> None:
    assert set(RunFields.__annotations__) == {row.name for row in TABLE}
    assert set(WorkFields.__annotations__) < set(RunFields.__annotations__)


@pytest.mark.parametrize("field", ["concurrency", "processes", "drain_seconds"])
def test_bounds_and_defaults_are_those_of_a_pool(field: str) -> None:
    schema = WorkerPoolSpec.model_json_schema()["properties"][WorkerPoolSpec.model_fields[field].alias or field]
    limit: Any = next(row for row in TABLE if row.name == field).limit
    assert (limit.least, limit.most) == (schema["minimum"], schema["maximum"])
    assert getattr(WorkerSettings(), field) == schema["default"]


@given(st.sampled_from(TABLE), st.text(st.characters(exclude_characters="\0"), max_size=30) | ODD)
def test_a_text_is_read_or_refused_by_name(row: Setting, text: str) -> None:
    refusal = ""
    try:
        WorkerSettings(**from_environment({row.variable: text}))
    except ConfigurationError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith(f"{row.variable}={text.strip()!r}: ")
    assert not refusal or re.search(r": (use |name |queue )", refusal)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("concurrency", 0, "use a whole number from 1 to 10,000"),
        ("concurrency", True, "use a whole number"),
        ("concurrency", 2.0, "use a whole number"),
        ("concurrency", "8", "use a whole number"),
        ("drain_seconds", float("nan"), "use 0 to 86,400 seconds"),
        ("lease_seconds", float("inf"), "use 1 to 3,600 seconds"),
        ("health_port", 65_536, "use a whole number from 0 to 65,535"),
        ("queues", "mail", "use a list of the queues' names"),
        ("queues", [7], "use a str, not int"),
        ("queues", ["mail", "mail"], "name each queue once"),
        ("queues", ["Not A Queue"], "lower-case"),
        ("name", "two words", "without spaces"),
        ("log_level", "LOUD", "use one of DEBUG"),
    ],
)
def test_a_wrong_value_in_code_is_named(name: str, value: Any, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^WorkerSettings\({name}=.*{remedy}"):
        WorkerSettings(**{name: value})


def test_seconds_may_be_a_timedelta() -> None:
    found = WorkerSettings(drain_seconds=timedelta(minutes=1), lease_seconds=timedelta(seconds=20))  # type: ignore[arg-type]
    assert (found.drain_seconds, found.lease_seconds) == (60.0, 20.0)


def test_the_ports_of_all_processes_exist() -> None:
    assert WorkerSettings(health_port=65_531, processes=4).port(3) == 65_535
    with pytest.raises(ConfigurationError, match=r"health_port=65532\): .* use one of at most 65531"):
        WorkerSettings(health_port=65_532, processes=4)


def test_a_lone_worker_answers_probes_itself() -> None:
    settings = WorkerSettings(health_port=8081)
    assert (settings.supervises, settings.port(None), settings.port(2)) == (False, 8081, 8084)
    assert WorkerSettings().port(2) == 0


@pytest.mark.parametrize("name", ["processes", "max_tasks", "max_memory_mib"])
def test_several_processes_and_such_as_are_replaced_are_supervised(name: str) -> None:
    assert chosen(WorkerSettings(), {name: 2}, {}).supervises


def test_the_docs_have_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \| `(\w+)` \| (.+) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [(row.name, row.flag, row.variable, row.default, row.help) for row in TABLE]
