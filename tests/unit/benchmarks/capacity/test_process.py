from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.capacity.process import Process, spent
from benchmarks.capacity.stuck import Stuck

STAT = "1 (py thon) ) S 0 1 1 0 -1 4194560 27774 0 0 0 740 44 0 0 20 0 14 0 5574845 1110786048 28194\n"
STATUS = "Name:\tpython\nVmPeak:\t 1149996 kB\nVmHWM:\t  125000 kB\nVmRSS:\t  112500 kB\n"


def test_both_files_make_a_process() -> None:
    found = Process.parse(STAT + STATUS)
    assert found.cpu_seconds == pytest.approx(7.84)
    assert found.began == 5574845
    assert found.peak_mb == pytest.approx(128.0)
    assert found.now_mb == pytest.approx(115.2)


def test_this_very_process_is_understood() -> None:
    found = Process.parse(Path("/proc/self/stat").read_text() + Path("/proc/self/status").read_text())
    assert found.peak_mb >= found.now_mb > 1
    assert found.cpu_seconds > 0


@pytest.mark.parametrize("text", ["", "1 (python) S 0\n" + STATUS, STAT + "Name:\tpython\n"])
def test_what_lacks_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="/proc/PID/stat"):
        Process.parse(text)


def test_what_was_spent_is_the_difference() -> None:
    before, after = {"a": Process(1, 1, 5.0, began=7)}, {"a": Process(1, 1, 7.5, began=7)}
    assert spent(before, after) == {"a": 2.5}


@pytest.mark.parametrize("after", [{}, {"a": Process(1, 1, 2.0, began=8)}, {"b": Process(1, 1, 2.0, began=7)}])
def test_a_process_that_was_replaced_is_named(after: dict[str, Process]) -> None:
    with pytest.raises(Stuck, match=r"a.* began or ended while it was measured"):
        spent({"a": Process(1, 1, 5.0, began=7)}, after)
