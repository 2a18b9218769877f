from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.peers import process
from benchmarks.peers.process import Failed, Process, wait_until

from tests.unit.penstock.worker.pids import alive
from tests.waiting import wait_sync

Shell = Callable[..., Process]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def shell(log: Path) -> Shell:
    def start(words: str, *, talks: bool = False, **variables: str) -> Process:
        return Process(["sh", "-c", words], os.environ | variables, log, talks=talks)

    return start


def test_waiting_ends_as_soon_as_it_is_done() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), 20, "three looks", look=0)
    assert next(answers, None) is None


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(Failed, match=r"the first start: not within 0\.01 s"):
        wait_until(lambda: False, 0.01, "the first start", look=0.001)


def test_its_output_goes_to_the_log_and_it_runs_beside_it(shell: Shell, log: Path) -> None:
    with shell('pwd; echo "$COLOUR" >&2; cat', COLOUR="blue") as running:  # its input is empty
        wait_sync(lambda: not alive(running.pid), "its end")
        assert running.tail() == f"{log.parent}\nblue"


def test_the_tail_is_the_end_of_the_log_whatever_it_holds(shell: Shell, log: Path) -> None:
    log.write_bytes(b"\xff\n" * 99)
    with shell("echo last") as running:
        wait_sync(lambda: not alive(running.pid), "its end")
        assert running.tail().splitlines() == ["�"] * (process.LOG_LINES - 1) + ["last"]


def test_one_that_talks_answers(shell: Shell) -> None:
    with shell('while read word; do echo "$word!"; done', talks=True) as running:
        for word in (b"one", b"two"):
            running.stdin.write(word + b"\n")
            running.stdin.flush()
            assert running.line(20) == word + b"!\n"


def test_no_answer_is_a_failure_with_the_logs_end(shell: Shell) -> None:
    with shell("echo busy >&2; echo; read line", talks=True) as running:
        assert running.line(20) == b"\n"
        with pytest.raises(Failed, match=r"no answer within 0\.01 s\nbusy"):
            running.line(0.01)


def test_the_end_of_its_answers_is_an_empty_line(shell: Shell) -> None:
    with shell("exit", talks=True) as running:
        assert running.line(20) == b""


def test_an_early_end_is_a_failure_with_the_logs_end(shell: Shell) -> None:
    with shell("echo why; read line", talks=True) as running:
        running.check()
        running.line(20)
        running.stdin.close()
        wait_sync(lambda: not alive(running.pid), "its end")
        with pytest.raises(Failed, match="ended early"):
            running.check()


def test_it_may_end_in_good_order(shell: Shell) -> None:
    with shell("trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.01; done") as running:
        wait_sync(running.tail, "its start")
    assert running.tail() == "up\nbye"
    assert not alive(running.pid)


def test_one_that_talks_ends_with_its_input_and_may_flush(shell: Shell) -> None:
    with shell("trap 'echo asked >&2' TERM; echo; cat; echo flushed >&2", talks=True) as running:
        running.line(20)
    assert running.tail() == "flushed"


@pytest.mark.parametrize("talks", [False, True])
def test_a_deaf_one_is_killed(talks: bool, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.05)
    began = time.monotonic()
    with shell("trap '' TERM; echo up >&2; exec sleep 60", talks=talks) as running:
        wait_sync(running.tail, "its start")
    assert not alive(running.pid)
    assert time.monotonic() - began < 10


def test_what_it_left_behind_is_killed(shell: Shell) -> None:
    with shell("(trap '' TERM; exec sleep 60) & echo $!") as running:
        wait_sync(lambda: running.tail() and not alive(running.pid), "its end")
        left = int(running.tail())
        assert alive(left)
    wait_sync(lambda: not alive(left), "the end of what it left")


def test_an_error_in_the_block_stops_it_too(shell: Shell) -> None:
    def broken() -> None:
        with shell("exec sleep 60") as running:
            raise ValueError(running.pid)

    with pytest.raises(ValueError, match=r"\d+") as error:
        broken()
    assert not alive(error.value.args[0])
