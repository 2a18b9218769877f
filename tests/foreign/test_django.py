"""A Django project as people have them: its test runner, its worker, a database that restarts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock import Handle, Penstock
from tests.contract.servers import Server
from tests.foreign.conftest import Postgres, manage, process
from tests.waiting import wait_sync

THREADS = 4
WORKER = (sys.executable, "manage.py", "penstock_worker", "--concurrency", str(THREADS), "--drain-seconds", "5")


def database(tmp_path: Path) -> dict[str, str]:
    return {"SHOP_DATABASE": str(tmp_path / "shop.db")}


@contextmanager
def working(log: Path, *command: str, **variables: str) -> Iterator[None]:
    """A worker that has begun."""
    with process(log, *(command or WORKER), **variables) as started:
        wait_sync(lambda: "working on" in log.read_text() or started.poll() is not None, "the worker to begin")
        assert started.poll() is None, log.read_text()
        yield
    assert started.returncode == 0, log.read_text()


def call(app: Penstock, name: str, *args: object) -> Handle[object]:
    """Enqueue by name: this process has no Django."""

    def stand_in(*args: int) -> object: ...

    task = app.tasks.get(name) or app.task(name=name)(stand_in)
    return task.enqueue_sync(*args)


def app_of(redis: Server) -> Penstock:
    return Penstock("shop", url=redis.url, namespace="shop")


# --- its tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--parallel", "2")], ids=["one process", "parallel"])
def test_its_own_test_runner(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = manage("test", *arguments, **database(tmp_path), SHOP_INLINE="1")
    assert ran.returncode == 0, ran.stderr
    assert "Ran 12 tests" in ran.stderr


def test_its_own_test_runner_on_postgresql(postgres: Postgres) -> None:
    ran = manage("test", SHOP_POSTGRES=str(postgres.folder), SHOP_INLINE="1")
    assert ran.returncode == 0, ran.stderr


# --- its worker -------------------------------------------------------------------------------------------------------


def test_the_worker_finds_the_tasks_of_all_apps(redis: Server, tmp_path: Path) -> None:
    variables = database(tmp_path) | {"SHOP_REDIS": redis.url}
    assert manage("migrate", **variables).returncode == 0
    assert manage("shell", "-c", "from shop.models import Order; Order.objects.create(item='book')", **variables)
    with working(tmp_path / "log", **variables):
        app = app_of(redis)
        names = [call(app, f"shop.{name}", 1).result_sync(timeout=30) for name in ("pack", "pack_async", "pack_apart")]
    assert [str(name).partition("_")[0] for name in names] == ["penstock-task", "book", "book"]


def test_several_processes(redis: Server, tmp_path: Path) -> None:
    variables = database(tmp_path) | {"SHOP_REDIS": redis.url}
    assert manage("migrate", **variables).returncode == 0
    log = tmp_path / "log"
    with process(log, *WORKER, "--processes", "2", **variables) as started:
        wait_sync(lambda: log.read_text().count("working on") == 2, "both processes to begin")
    assert started.returncode == 0


def test_the_same_app_for_other_workers(redis: Server, tmp_path: Path) -> None:
    variables = database(tmp_path) | {"SHOP_REDIS": redis.url}
    assert manage("migrate", **variables).returncode == 0
    command = (sys.executable, "-m", "penstock.cli", "worker", "penstock.django.project:app")
    with working(tmp_path / "log", *command, **variables):
        assert call(app_of(redis), "shop.pack", 1).result_sync(timeout=30)


@pytest.mark.parametrize("age", ["0", "600"])
def test_tasks_work_after_the_database_was_restarted(
    redis: Server, postgres: Postgres, tmp_path: Path, age: str
) -> None:
    variables = {"SHOP_POSTGRES": str(postgres.folder), "SHOP_REDIS": redis.url, "SHOP_CONN_MAX_AGE": age}
    migrated = manage("migrate", **variables)
    assert migrated.returncode == 0, migrated.stderr
    create = "from shop.models import Order; print(Order.objects.create(item='book').pk)"
    order = int(manage("shell", "-v", "0", "-c", create, **variables).stdout.split()[-1])
    tasks = ("shop.pack", "shop.pack_async", "shop.pack_apart", "shop.pack_first")
    with working(tmp_path / "log", **variables):
        app = app_of(redis)

        def all_of_them() -> list[str]:
            handles = [
                call(app, name, *([] if name == "shop.pack_first" else [order])) for name in tasks for _ in "123"
            ]
            return [str(handle.wait_sync(timeout=60)) for handle in handles]

        assert set(all_of_them()) == {"Succeeded"}
        postgres.stop()
        assert "Succeeded" not in all_of_them()
        postgres.start()
        # As in requests, each thread that holds a connection notices by failing once; whose turn it is, is luck.
        rounds = 2 * THREADS if age != "0" else 1
        assert any(set(all_of_them()) == {"Succeeded"} for _ in range(rounds))
        left = call(app, "shop.connections").result_sync(timeout=30)
    assert isinstance(left, int)
    assert left <= (1 if age == "0" else 10)


# --- what it says -----------------------------------------------------------------------------------------------------


def check(tmp_path: Path, penstock: str) -> str:
    settings = tmp_path / "proj_settings.py"
    settings.write_text(f"from proj.settings import *\nPENSTOCK = {penstock}\n")
    ran = manage("check", "--settings", "proj_settings", PYTHONSAFEPATH="", PENSTOCK_URL="", **_path(tmp_path))
    return ran.stdout + ran.stderr


def _path(tmp_path: Path) -> dict[str, str]:
    import os

    from tests.foreign.conftest import PROJECT, SDK

    return {"PYTHONPATH": os.pathsep.join([str(SDK), str(PROJECT), str(tmp_path)])}


@pytest.mark.parametrize(
    ("penstock", "said"),
    [
        ("None", "(penstock.W001) settings.PENSTOCK is missing"),
        ("{'NAMESPACE': 'shop'}", "(penstock.E002) settings.PENSTOCK has no APP"),
        (
            "{'APP': 'proj.nothing:app'}",
            "(penstock.E003) settings.PENSTOCK['APP']: app 'proj.nothing:app': can't import",
        ),
        ("{'APP': 'proj.penstock:app'}", "(penstock.W002) Penstock has no broker's URL"),
        ("{'APP': 'proj.penstock:app', 'URI': 'redis://x'}", "(penstock.E001) settings.PENSTOCK has no key 'URI'"),
        ("'redis://x'", "(penstock.E001) settings.PENSTOCK is 'redis://x': make it a dict"),
        ("{'APP': 'proj.penstock:app', 'URL': 'redis://x'}", "no issues"),
        ("{'APP': 'proj.penstock:app', 'URL': 'junk'}", "(penstock.E004)"),
        ("{'APP': 'proj.penstock:app', 'URL': 'redis://x', 'NAMESPACE': 'a/b'}", "(penstock.E004)"),
    ],
)
def test_the_system_checks_name_what_is_missing(tmp_path: Path, penstock: str, said: str) -> None:
    assert said in check(tmp_path, penstock)
