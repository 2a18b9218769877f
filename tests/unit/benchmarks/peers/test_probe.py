from __future__ import annotations

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
