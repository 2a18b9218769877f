from __future__ import annotations

import logging

import pytest
from msgspec import structs

from penstock.broker.messages import Begun, Lease, Verb, Verdict
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.outcome import Failure
from penstock.retry import RetryPolicy
from penstock.status import Phase
from penstock.worker.attempt import Attempt, Limit
from penstock.worker.failure_line import failure_line
from penstock.worker.policy import Policy
from penstock.worker.verdict import Ruling

FAILURE = Failure("ValueError", "odd", "Traceback (most recent call last):\n  here\nValueError: odd\n")
RETRY = Ruling(Verb.RETRY, Phase.RETRYING, delay=1.25, failure=FAILURE)
DEAD = Ruling(Verb.END, Phase.DEAD_LETTERED, failure=FAILURE)


def attempt(*, nonce: str = "n", started: bool = True, crashes: int = 0) -> Attempt:
    envelope = Envelope(id="shop.1", task="shop.f", queue="shop", created_at=1.0)
    begun = Begun(Lease("shop", "shop.1", nonce), Verdict.RUN, b"", 2, crashes, 1.0, 1.0)
    made = Attempt(envelope, begun, None, Limit(None), Policy(RetryPolicy(max_attempts=3), None, 60.0))
    made.started = started
    return made


@pytest.mark.parametrize(
    ("ruling", "level", "said"),
    [
        (RETRY, logging.WARNING, "failed, again in 1.25 s: ValueError: odd"),
        (DEAD, logging.ERROR, "goes to the dead letters: ValueError: odd"),
        (structs.replace(DEAD, phase=Phase.FAILED), logging.ERROR, "failed for good: ValueError: odd"),
    ],
)
def test_a_failure_has_its_task_its_attempt_and_the_traceback_once(ruling: Ruling, level: int, said: str) -> None:
    line = failure_line(attempt(), ruling, 0.5)
    assert line == (level, f"shop.f shop.1: attempt 2 of 3, 0.500 s: {said}\n{FAILURE.traceback.rstrip()}")


@pytest.mark.parametrize(
    ("ruling", "level", "said"),
    [
        (
            Ruling(Verb.CRASH, Phase.QUEUED, reason="its process died"),
            logging.WARNING,
            "its process died; it runs again",
        ),
        (Ruling(Verb.END, Phase.CANCELLED, failure=Failure("Cancelled", "by hand")), logging.INFO, "by hand"),
    ],
)
def test_what_is_no_failure_of_its_code_is_told_as_it_is(ruling: Ruling, level: int, said: str) -> None:
    assert failure_line(attempt(), ruling, 0.5) == (level, f"shop.f shop.1: attempt 2 of 3, 0.500 s: {said}")


def test_crashes_are_told_beside_the_attempts() -> None:
    line = failure_line(attempt(crashes=1), DEAD, 0.5)
    assert line is not None
    assert line[1].startswith("shop.f shop.1: attempt 2 of 3, 1 crashes besides, 0.500 s: goes to")


def test_arguments_of_another_version_are_told() -> None:
    parked, one = Ruling(Verb.PARK, Phase.QUEUED, reason="shop.f: missing a required argument: 'b'"), attempt()
    assert failure_line(one, parked, 0.5) is None  # an unknown task: that is told where it is found
    one.definition, one.started = Definition("shop.f", len, Options("shop")), False
    assert failure_line(one, parked, 0.5) == (
        logging.WARNING,
        "shop.f shop.1: shop.f: missing a required argument: 'b'; kept for a worker of the version that sent it",
    )


def test_one_that_was_never_called_has_no_attempt() -> None:
    ruling = Ruling(Verb.END, Phase.FAILED, failure=Failure("Expired", "too late"))
    line = failure_line(attempt(started=False), ruling, 0.5)
    assert line == (logging.ERROR, "shop.f shop.1: failed for good: Expired: too late")


def test_a_broadcast_is_never_tried_again() -> None:
    line = failure_line(attempt(nonce=""), RETRY, 0.5)
    assert line is not None
    assert line[0] == logging.ERROR
    assert "the broadcast failed here: ValueError: odd" in line[1]


@pytest.mark.parametrize("ruling", [Ruling(Verb.END, Phase.SUCCEEDED), Ruling(Verb.RELEASE, Phase.QUEUED)])
def test_of_others_there_is_nothing_to_say(ruling: Ruling) -> None:
    assert failure_line(attempt(), ruling, 0.5) is None
