from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.peers import probe

from tests.waiting import wait_sync

WORKER = """
import time
from benchmarks.peers.probe import stamped, started
started()
stamped(time.monotonic_ns() - 5_000_000)
"""


def test_a_process_waits_at_the_gate_with_its_first_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(probe.DIRECTORY, str(tmp_path))
    watch = probe.Watch(tmp_path)
    with subprocess.Popen([sys.executable, "-c", WORKER], cwd=Path(__file__).parents[4]) as process:
        wait_sync(lambda: watch.arrived() == 1, "the process to arrive")
        assert watch.starts().count == 0
        opened = watch.open_gate()
        assert process.wait(20) == 0
    starts = watch.starts()
    assert starts.count == 2
    assert opened <= starts.first <= starts.last <= time.monotonic_ns()
    [sample] = watch.samples()
    assert sample >= 5_000_000


CROWD = """
import threading
from benchmarks.peers.probe import stamped, started
threads = [threading.Thread(target=lambda: [started() for _ in range(50)]) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
stamped(0)
"""


def process(code: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[4], env=os.environ | {probe.DIRECTORY: str(folder)}
    )


def test_processes_and_threads_count_together_and_a_warm_up_leaves_no_sample(tmp_path: Path) -> None:
    watch = probe.Watch(tmp_path)
    watch.open_gate()
    with process(CROWD, tmp_path) as first, process(WORKER, tmp_path) as second:
        assert (first.wait(20), second.wait(20)) == (0, 0)
    assert (watch.arrived(), watch.starts().count, len(watch.samples())) == (2, 203, 1)


def test_where_nothing_started_there_is_nothing(tmp_path: Path) -> None:
    watch = probe.Watch(tmp_path)
    (tmp_path / f"1{probe.SUFFIX}").touch()  # a process is about to make its file
    assert (watch.arrived(), watch.starts(), watch.samples()) == (0, probe.Starts(), [])
