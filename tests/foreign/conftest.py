"""The servers that foreign applications use: all are the tests' own, on this machine, and stopped in the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.servers import Server, running
from tests.waiting import wait_sync

PROJECT = Path(__file__).parent / "django_project"
SDK = Path(__file__).parents[2] / "sdk"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


class Postgres:
    """A PostgreSQL in a folder of its own, to be reached by a Unix socket there."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="penstock-postgres-"))  # sockets' paths are short
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to be root's
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        initdb = [str(programs / "initdb"), "--pgdata", str(self.folder / "data"), "--username=postgres", "--no-sync"]
        subprocess.run(initdb, user=self._user, check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(self.folder)]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._user, stderr=log, cwd="/")
        wait_sync(self._answers, "PostgreSQL to answer")

    def _answers(self) -> bool:
        asked = [str(self._programs / "pg_isready"), "--quiet", "--host", str(self.folder)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self) -> None:
        """At once: whoever is connected is cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def _programs() -> Path | None:
    for found in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):  # as Debian has it
        return found.parent
    found_on_path = shutil.which("initdb")
    return Path(found_on_path).resolve().parent if found_on_path else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if (programs := _programs()) is None:
        pytest.skip("no initdb here: install PostgreSQL (Debian: apt-get install postgresql)")
    server = Postgres(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def project_environment(**variables: str) -> dict[str, str]:
    path = os.pathsep.join([str(SDK), str(PROJECT)])
    return os.environ | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "proj.settings"} | variables


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py of the project to its end."""
    command = [sys.executable, "manage.py", *arguments]
    environment = project_environment(**variables)
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


@contextmanager
def process(log: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the project's that runs meanwhile, and drains in the end; what it says goes to `log`."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            command, cwd=PROJECT, env=project_environment(**variables), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(10)
