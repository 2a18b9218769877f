"""The nightly report: once a day however often it is fired, and a manifest that names what there is."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from cron_report.submit import main, submit, yesterday
from cron_report.tasks import Report, app, daily_report
from pydantic import TypeAdapter

from penstock import Phase
from penstock.loading import load_app
from penstock.resources.autoscaling import CronSchedule
from penstock.resources.pool import WorkerPool
from penstock.testing import Sandbox

MONDAY, TUESDAY = date(2027, 2, 1), date(2027, 2, 2)
FOLDER = Path(__file__).parents[3] / "examples/cron_report"


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """With two orders on Monday and one on Tuesday."""
    file = tmp_path / "orders.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE orders (day TEXT, cents INTEGER)")
        rows = [(MONDAY.isoformat(), 1999), (MONDAY.isoformat(), 501), (TUESDAY.isoformat(), 700)]
        database.executemany("INSERT INTO orders VALUES (?, ?)", rows)
    monkeypatch.setenv("ORDERS", str(file))
    return penstock_sandbox(app)


@pytest.fixture
def cron_job() -> dict[str, Any]:
    return documents()[0]


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "cronjob.yaml").read_text()))


def container(cron_job: dict[str, Any]) -> dict[str, Any]:
    [found] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


# --- the task -----------------------------------------------------------------------------------------------------


async def test_a_day_has_one_report_and_the_next_day_another(box: Sandbox) -> None:
    monday, again = await submit(MONDAY), await submit(MONDAY)
    assert (await app.queue().depth()).ready == 1
    await box.drain()
    late, tuesday = await submit(MONDAY), await submit(TUESDAY)
    assert (await app.queue().depth()).ready == 1
    await box.drain()
    assert monday.id == again.id == late.id != tuesday.id
    assert await late.result() == Report(MONDAY, 2, Decimal("25.00"))
    assert await tuesday.result() == Report(TUESDAY, 1, Decimal("7.00"))


async def test_a_report_that_failed_is_queued_anew(box: Sandbox) -> None:
    box.fail(daily_report, sqlite3.OperationalError("database is locked"), times=5)
    failed = await submit(MONDAY)
    await box.drain()
    assert await failed.wait() is Phase.DEAD_LETTERED
    anew = await submit(MONDAY)
    await box.drain()
    assert anew.id != failed.id
    assert (await anew.result()).orders == 2


async def test_a_database_that_is_away_for_a_moment_costs_no_report(box: Sandbox) -> None:
    box.fail(daily_report, sqlite3.OperationalError("database is locked"), times=2)
    handle = await submit(TUESDAY)
    await box.drain()
    assert ((await handle.result()).orders, (await handle.status()).attempts) == (1, 3)


def test_the_command_queues_yesterday_unless_it_is_told_a_day(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = yesterday()
    for words in (["2027-02-01"], ["2027-02-01"], []):
        main(words)
    told, again, default = capsys.readouterr().out.splitlines()
    assert told == again != default
    assert [call.args for call in box.enqueued[:2]] == [(MONDAY,), (MONDAY,)]
    assert box.enqueued[2].args[0] in {before, yesterday()}  # midnight may pass


# --- the manifest -------------------------------------------------------------------------------------------------


def test_the_cron_job_runs_the_command_that_there_is(cron_job: dict[str, Any]) -> None:
    assert (cron_job["apiVersion"], cron_job["kind"]) == ("batch/v1", "CronJob")
    TypeAdapter(CronSchedule).validate_python(cron_job["spec"]["schedule"])
    assert cron_job["spec"]["timeZone"] == "Etc/UTC"
    *python, module = container(cron_job)["command"]
    assert python == ["python", "-m"]
    assert importlib.util.find_spec(module) is not None


def test_the_cron_job_passes_restricted_pod_security(cron_job: dict[str, Any]) -> None:
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(cron_job)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_pool_serves_what_the_cron_job_queues(cron_job: dict[str, Any]) -> None:
    pool = WorkerPool.model_validate(documents()[1])
    assert load_app(pool.spec.app) is app
    assert list(pool.spec.queues or ()) == app.queues
    image = container(cron_job)["image"]
    assert pool.spec.image == image
    assert f"--tag {image} " in (FOLDER / "Dockerfile").read_text()


def test_the_cron_job_finds_the_broker_as_other_jobs_do(cron_job: dict[str, Any]) -> None:
    job = yaml.safe_load((FOLDER.parent / "manifests/submit-job.yaml").read_text())
    assert container(cron_job)["env"] == job["spec"]["template"]["spec"]["containers"][0]["env"]


def test_the_pool_sets_what_the_task_needs() -> None:
    [worker] = documents()[1]["spec"]["template"]["spec"]["containers"]
    [variable], [mount] = worker["env"], worker["volumeMounts"]
    assert variable["name"] == "ORDERS"
    assert Path(variable["value"]).is_relative_to(mount["mountPath"])
