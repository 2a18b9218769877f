from __future__ import annotations

import mmap
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.peers.process import Process
from benchmarks.peers.procfs import available_bytes, cpu_seconds, rss_mb, tree

from tests.waiting import wait_sync


@contextmanager
def shell(words: str) -> Iterator[int]:
    """A shell that has done this, says so and waits; its id."""
    with subprocess.Popen(["sh", "-c", f"{words}\necho\nread line"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.communicate(b"\n")


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait(20)
    return process.pid


def test_a_tree_has_the_processes_and_all_below_them(tmp_path: Path) -> None:
    words = ["sh", "-c", "sh -c 'sleep 60 & wait' & wait"]
    with Process(words, os.environ, tmp_path / "log") as process:
        wait_sync(lambda: len(tree([process.pid])) == 3, "three processes")
        found = tree([process.pid])
        assert found[0] == process.pid
        assert set(found) < set(tree([os.getpid()]))


def test_a_tree_of_several_is_all_of_theirs() -> None:
    with shell(":") as first, shell(":") as second:
        assert set(tree(iter([first, second]))) == {first, second}


@pytest.mark.parametrize("name", ["two words", "x) S 1 2 3", r"\377\376"], ids=["spaces", "brackets", "no UTF-8"])
def test_a_name_may_be_anything(name: str) -> None:
    with shell(f"printf '{name}' > /proc/$$/comm") as pid:
        assert pid in tree([os.getpid()])
        assert 0 <= cpu_seconds([pid]) < 5
        assert 0 < rss_mb([pid]) < 50


def test_a_process_that_is_gone_counts_nothing(gone: int) -> None:
    assert (tree([gone]), cpu_seconds([gone]), rss_mb([gone])) == ([gone], 0, 0)


def test_cpu_time_is_what_the_process_says_itself() -> None:
    assert cpu_seconds([os.getpid()]) == pytest.approx(time.process_time(), abs=0.1)
    assert cpu_seconds([os.getpid()] * 2) == pytest.approx(2 * time.process_time(), abs=0.2)


def test_there_is_memory_left() -> None:
    assert 0 < available_bytes() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_memory_that_is_used_shows_in_mb() -> None:
    before = rss_mb([os.getpid()])
    with mmap.mmap(-1, 40_000_000) as taken:  # pages of its own: malloc might give some that an earlier test has freed
        taken.write(b"x" * len(taken))
        after = rss_mb([os.getpid()])
    assert after - before == pytest.approx(40, abs=4)
