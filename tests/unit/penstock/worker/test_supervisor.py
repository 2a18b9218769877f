from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from penstock.worker.supervisor import (
    CONFIGURATION,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    RECYCLED,
    STEADY_SECONDS,
    Next,
    Supervision,
    after,
    supervise,
)
from tests.unit.penstock.worker.pids import alive
from tests.waiting import wait_for, wait_sync

# Notes its pid, then does as the word says.
CHILD = """
import os, sys, time, threading
from penstock.worker.supervisor import PLACE, watch_supervisor
folder, what = sys.argv[1:]
runs = len(os.listdir(folder))
open(f"{folder}/{os.environ[PLACE]}-{os.getpid()}", "w").close()
ended = threading.Event()
watch_supervisor(ended.set)
if what == "recycle" and runs < 3: sys.exit(75)
if what == "crash" and runs < 3: os._exit(1)
if what == "config": sys.exit(2)
ended.wait(60)
"""


def pids(folder: Path) -> list[int]:
    return [int(path.name.partition("-")[2]) for path in folder.iterdir()]


def places(folder: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in folder.iterdir()}


def supervision(folder: Path, what: str, processes: int = 1) -> Supervision:
    return Supervision((sys.executable, "-c", CHILD, str(folder), what), processes, drain_seconds=1)


@asynccontextmanager
async def running(asked: Supervision) -> AsyncIterator[asyncio.Task[int]]:
    stop = asyncio.Event()
    task = asyncio.create_task(supervise(asked, stop))
    try:
        yield task
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 20) in (0, CONFIGURATION)


async def started(folder: Path, count: int) -> None:
    async def there() -> bool:
        return len(pids(folder)) >= count

    await wait_for(there, f"{count} processes to have started")


class TestAfter:
    def test_one_that_has_done_its_share_is_followed_at_once(self) -> None:
        assert after(RECYCLED, 1.0, 5) == Next(0.0, 0)

    def test_settings_that_cannot_work_end_it_all(self) -> None:
        assert after(CONFIGURATION, 1.0, 0).stop

    @given(st.integers(-64, 255).filter(lambda code: code not in (RECYCLED, CONFIGURATION)), st.integers(0, 200))
    def test_pauses_grow_and_are_bounded(self, code: int, failures: int) -> None:
        then = after(code, 1.0, failures)
        assert FIRST_PAUSE_SECONDS <= then.pause <= LONGEST_PAUSE_SECONDS
        assert then.failures == failures + 1
        assert after(code, 1.0, then.failures).pause >= then.pause

    def test_after_a_long_life_they_start_anew(self) -> None:
        assert after(1, STEADY_SECONDS, 10) == Next(FIRST_PAUSE_SECONDS, 1)


class TestSupervise:
    async def test_all_run_and_all_end(self, tmp_path: Path) -> None:
        async with running(supervision(tmp_path, "work", 3)):
            await started(tmp_path, 3)
            assert places(tmp_path) == {"0", "1", "2"}
        assert not any(map(alive, pids(tmp_path)))

    async def test_a_killed_one_is_replaced(self, tmp_path: Path) -> None:
        async with running(supervision(tmp_path, "work")):
            await started(tmp_path, 1)
            os.kill(pids(tmp_path)[0], signal.SIGKILL)
            await started(tmp_path, 2)

    async def test_so_are_those_that_crash_or_have_done_their_share(self, tmp_path: Path) -> None:
        for what in ("crash", "recycle"):
            folder = tmp_path / what
            folder.mkdir()
            async with running(supervision(folder, what)):
                await started(folder, 4)

    async def test_settings_that_cannot_work_are_told(self, tmp_path: Path) -> None:
        async with running(supervision(tmp_path, "config", 2)) as task:
            assert await asyncio.wait_for(task, 20) == CONFIGURATION
        assert not any(map(alive, pids(tmp_path)))

    def test_without_the_supervisor_they_end_by_themselves(self, tmp_path: Path) -> None:
        code = f"""
import asyncio, sys
from pathlib import Path
from penstock.worker.supervisor import supervise
from tests.unit.penstock.worker.test_supervisor import supervision
async def main():
    await supervise(supervision(Path({str(tmp_path)!r}), "work", 2), asyncio.Event())
asyncio.run(main())
"""
        parent = subprocess.Popen([sys.executable, "-c", code])
        wait_sync(lambda: len(pids(tmp_path)) == 2, "both to have started")
        parent.kill()
        parent.wait(10)
        wait_sync(lambda: not any(map(alive, pids(tmp_path))), "both to end", patience=10)
