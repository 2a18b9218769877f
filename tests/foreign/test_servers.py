"""Applications in the servers that they are deployed with."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from penstock import Penstock
from tests.contract.servers import Server, free_port
from tests.foreign.conftest import manage, process
from tests.waiting import PATIENCE, wait_sync

pytest.importorskip("gunicorn")
pytest.importorskip("gevent")


@contextmanager
def serving(log: Path, port: int, *command: str, **variables: str) -> Iterator[httpx.Client]:
    """A server of HTTP that takes connections, and a client for it."""
    with process(log, sys.executable, "-m", *command, **variables) as started:

        def listens() -> bool:
            assert started.poll() is None, log.read_text()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as probe:
                try:
                    return probe.get("/").status_code == 404
                except httpx.TransportError:
                    return False

        wait_sync(listens, "the server to listen")
        limits = httpx.Limits(max_connections=100)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
            yield client
    said = log.read_text()
    assert started.returncode == 0, said
    assert "Traceback" not in said, said


def posted(client: httpx.Client, paths: list[str]) -> list[httpx.Response]:
    """Answers to as many requests at once, on new connections: one that is kept leads to the same process."""
    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(lambda path: client.post(path, headers={"Connection": "close"}), paths))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_gunicorn_with_gevent(redis: Server, tmp_path: Path, host: str) -> None:
    redis.admin.flushall()
    variables = {"SHOP_REDIS": f"redis://{host}:{redis.port}/0", "SHOP_DATABASE": str(tmp_path / "shop.db")}
    assert manage("migrate", **variables).returncode == 0
    port = free_port()
    command = ("gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}", "proj.wsgi")
    with serving(tmp_path / "log", port, *command, **variables) as client:
        answers = posted(client, ["/orders"] * 50)
        assert [answer.status_code for answer in answers] == [200] * 50, (tmp_path / "log").read_text()
        assert len({answer.json()["task"] for answer in answers}) == 50
        later = posted(client, ["/orders/later"] * 10)
        assert [answer.status_code for answer in later] == [200] * 10
        app = Penstock("shop", url=redis.url, namespace="shop")
        assert app.run(app.queue().depth()).ready == 60


def test_uvicorn_with_two_workers(redis: Server, tmp_path: Path) -> None:
    redis.admin.flushall()
    port = free_port()
    site = "tests.foreign.fastapi_site:app"
    command = ("uvicorn", "--workers", "2", "--port", str(port), "--app-dir", str(Path(__file__).parents[2]), site)
    with serving(tmp_path / "log", port, *command, SHOP_REDIS=redis.url) as client:
        processes: set[int] = set()
        tasks: set[str] = set()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:  # the second may start later
            for path in ("/async/1", "/sync/1", "/blocking/1"):
                answers = posted(client, [path] * 10)
                assert [answer.status_code for answer in answers] == [200] * 10, (tmp_path / "log").read_text()
                processes |= {answer.json()["process"] for answer in answers}
                tasks |= {answer.json()["task"] for answer in answers}
            if len(processes) == 2:
                break
        assert len(processes) == 2
        assert len(tasks) % 30 == 0
    app = Penstock("shop", url=redis.url, namespace="fastapi")
    assert app.run(app.queue().depth()).ready == len(tasks) // 3 * 5
