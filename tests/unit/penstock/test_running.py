"""`app.worker`, `app.run_worker` and `app.ping`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from penstock import ConfigurationError, NotConnected, Penstock, WorkerSettings
from penstock.broker.memory import MemoryBroker
from penstock.worker.supervisor import CONFIGURATION
from tests.unit.penstock.worker.test_health import free_port

PROGRAM = """
import sys
from penstock import Penstock, WorkerSettings

app = Penstock("own", url="memory://", worker=WorkerSettings(drain_seconds=1, {own}))

@app.task
async def one() -> int:
    return 1

if __name__ == "__main__":
    sys.exit(app.run_worker({said}))
"""


@contextmanager
def running(
    folder: Path, own: str, *, said: str = "", environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program whose app has such settings; killed if the block fails."""
    (folder / "own.py").write_text(PROGRAM.format(own=own, said=said))
    variables = os.environ | {"PYTHONPATH": ":".join(sys.path)} | (environment or {})
    command = [sys.executable, "own.py"]
    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    port = free_port(2) + 1
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", port))
        other.listen()
        yield port


@pytest.fixture
def app() -> Penstock:
    app = Penstock("shop", url="memory://", worker=WorkerSettings(concurrency=3))

    @app.task
    async def one() -> int:
        return 1

    return app


class TestInsideAnotherProgram:
    async def test_it_runs_tasks_while_the_block_lasts(self, app: Penstock) -> None:
        async with app.worker() as worker:
            assert await (await app.tasks["shop.one"].enqueue()).result(timeout=10) == 1
            assert worker.working
        assert not worker.working

    async def test_its_settings_are_the_call_s_the_environment_s_or_the_app_s(
        self, app: Penstock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PENSTOCK_LEASE_SECONDS", "9")
        monkeypatch.setenv("PENSTOCK_MAX_TASKS", "1")
        async with app.worker(queues=["mail"], name="inside") as worker:
            settings = worker.settings
        assert (settings.queues, settings.name, settings.lease_seconds, settings.concurrency) == (
            ["mail"],
            "inside",
            9,
            3,
        )
        assert settings.limits.max_tasks is None  # nobody would replace it

    async def test_it_takes_no_signals(self, app: Penstock) -> None:
        before = signal.getsignal(signal.SIGTERM)
        async with app.worker():
            assert signal.getsignal(signal.SIGTERM) is before

    async def test_two_in_one_program_share_the_lifespan(self) -> None:
        entered: list[str] = []

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            entered.append("in")
            yield
            entered.append("out")

        app = Penstock("shop", url="memory://", lifespan=lifespan)
        async with app.worker():
            async with app.worker():
                pass
            assert entered == ["in"]
        assert entered == ["in", "out"]

    async def test_what_does_not_exist_is_named(self, app: Penstock) -> None:
        with pytest.raises(TypeError, match=r"worker\(processes=…\): no such option"):
            app.worker(processes=2)  # type: ignore[call-arg]
        with pytest.raises(ConfigurationError, match=r"WorkerSettings\(concurrency=0\): use a whole number"):
            app.worker(concurrency=0)


class TestAsACommand:
    def test_inside_a_loop_it_says_what_to_use(self, app: Penstock) -> None:
        async def inside() -> None:
            app.run_worker()

        with pytest.raises(ConfigurationError, match=r"use `async with app.worker\(\):`"):
            asyncio.run(inside())

    def test_so_it_does_in_a_thread(self, app: Penstock) -> None:
        said: list[str] = []

        def act() -> None:
            try:
                app.run_worker()
            except ConfigurationError as error:
                said.append(str(error))

        thread = threading.Thread(target=act)
        thread.start()
        thread.join(10)
        assert "main thread only" in said[0]

    @pytest.mark.parametrize("own", ["", "processes=2", "max_tasks=100"])
    def test_it_drains_on_sigterm(self, tmp_path: Path, own: str) -> None:
        with running(tmp_path, own) as process:
            assert process.stderr is not None
            assert any(" working on " in line or " works on " in line for line in process.stderr)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0

    def test_a_port_that_is_taken_is_told(self, tmp_path: Path) -> None:
        with taken() as port, running(tmp_path, f"health_port={port}") as process:
            assert process.wait(20) == CONFIGURATION
            assert process.stderr is not None
            assert f"port {port} for probes" in process.stderr.read()

    def test_supervised_processes_that_cannot_work_are_not_started_again(self, tmp_path: Path) -> None:
        with taken() as port:
            variables = {"PENSTOCK_HEALTH_PORT": str(port - 1)}  # the supervisor's own; its process has the next
            with running(tmp_path, "max_tasks=5", environment=variables) as process:
                assert process.wait(20) == CONFIGURATION


class TestPing:
    async def test_it_is_the_round_trip_s_seconds(self, app: Penstock) -> None:
        assert 0 <= await app.ping() < 5

    def test_from_sync_code(self, app: Penstock) -> None:
        assert 0 <= app.ping_sync() < 5

    async def test_nobody_there(self) -> None:
        app = Penstock("shop", url=f"redis://127.0.0.1:{free_port()}")
        with pytest.raises(NotConnected):
            await app.ping()
        await app.close()

    async def test_somebody_who_does_not_answer(self, app: Penstock, monkeypatch: pytest.MonkeyPatch) -> None:
        async def silent(_: MemoryBroker) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(MemoryBroker, "ping", silent)
        with pytest.raises(NotConnected, match=r"hasn't answered within 0\.01 s: look at PENSTOCK_URL"):
            await app.ping(timeout=0.01)
