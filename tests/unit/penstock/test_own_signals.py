"""Which signals are taken for the process' own. What sends them is wrapped for good, so that is tried in processes of
their own: see test_process."""

from __future__ import annotations

import os
from signal import SIGINT, SIGTERM, SIGUSR1

import pytest

from penstock import own_signals as module
from penstock.own_signals import ARRIVAL_SECONDS, OwnSignals


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_that_was_sent_here_is_taken_once() -> None:
    own = OwnSignals()
    own.note(SIGTERM)
    assert [own.take(SIGTERM), own.take(SIGTERM)] == [True, False]


def test_each_number_is_noted_apart() -> None:
    own = OwnSignals()
    own.note(SIGINT)
    assert not own.take(SIGTERM)
    assert own.take(SIGINT)


def test_one_that_did_not_come_is_forgotten() -> None:
    clock = Clock()
    own = OwnSignals(clock)
    own.note(SIGTERM)
    clock.now += ARRIVAL_SECONDS + 0.1
    assert not own.take(SIGTERM)


def test_others_are_not_noted() -> None:
    own = OwnSignals()
    own.note(SIGUSR1)
    assert not own.take(SIGUSR1)


@pytest.mark.parametrize(
    ("pid", "hits"),
    [(os.getpid(), True), (0, True), (-os.getpgrp(), True), (-1, True), (os.getppid(), False)],
    ids=["itself", "its group by zero", "its group by number", "all", "its parent"],
)
def test_whom_a_kill_hits(pid: int, hits: bool) -> None:
    assert module._by_kill(pid, SIGTERM) == (SIGTERM if hits else None)


def test_whom_a_kill_of_a_group_hits() -> None:
    assert module._by_killpg(os.getpgrp(), SIGTERM) == SIGTERM
    assert module._by_killpg(2**22, SIGTERM) is None


def test_interrupting_the_main_thread_is_a_sigint_unless_it_is_said_otherwise() -> None:
    assert module._to_itself() == SIGINT
    assert module._to_itself(SIGTERM) == SIGTERM
    assert module._to_itself(signum=SIGTERM) == SIGTERM
