from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import outcome as outcomes
from penstock.broker.messages import Verb
from penstock.definition import Options
from penstock.outcome import Failure, Outcome
from penstock.retry import Retry, RetryPolicy, Snooze
from penstock.status import Phase
from penstock.worker import child
from penstock.worker.ending import (
    Crashed,
    Died,
    Ending,
    Expired,
    Raised,
    RaisedInChild,
    Returned,
    Stopped,
    TimedOut,
    Unfit,
    Unknown,
)
from penstock.worker.execution import ended_in_child
from penstock.worker.failure import lineage
from penstock.worker.verdict import Ruling, Standards, rule

POLICY = RetryPolicy(max_attempts=3, initial=10, factor=2, maximum=300, jitter=False)
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 20),
    initial=st.floats(0, 1e4),
    factor=st.floats(1, 10),
    maximum=st.floats(0, 1e4),
    jitter=st.booleans(),
)
failing = st.one_of(
    st.builds(lambda text: Raised(ValueError(text)), st.text()),
    st.builds(lambda delay: Raised(Retry(delay)), st.none() | st.floats(0, 1e4)),
    st.builds(TimedOut, st.floats(0.001, 1e4)),
    st.builds(
        RaisedInChild,
        st.builds(Failure, st.text(), st.text(), retryable=st.just(True)),
        st.just(("builtins.ValueError",)),
        st.none() | st.builds(Retry, st.none() | st.floats(0, 1e4)),
    ),
)
endings: st.SearchStrategy[Ending] = st.one_of(
    failing,
    st.builds(Returned, st.just(b"1")),
    st.builds(TimedOut, st.floats(0, 1e4), deadline=st.just(True)),
    st.builds(Stopped, st.sampled_from([None, Phase.CANCELLED]), st.text()),
    st.builds(Unknown, st.text()),
    st.builds(Crashed, st.integers(1, 9)),
    st.builds(Died, st.integers(-20, 255)),
    st.builds(Expired, st.floats(0, 1e4)),
)
declared = st.none() | st.builds(
    Options,
    st.just("shop"),
    retry_on=st.sampled_from([None, (), (ValueError,), (OSError,)]),
    give_up_on=st.sampled_from([(), (ValueError,), (OSError,)]),
)
standards = st.builds(
    Standards, st.integers(1, 30), policies, crashes=st.integers(0, 9), max_crashes=st.integers(1, 9), options=declared
)


def ruled(ending: Ending, attempts: int = 1, policy: RetryPolicy = POLICY) -> Ruling:
    return rule(ending, Standards(attempts, policy), lambda: 0.5)


def judged(error: BaseException, attempts: int = 1, **options: Any) -> Ruling:
    by = Standards(attempts, POLICY, options=Options("shop", **options))
    return rule(raised(error), by, lambda: 0.5)


def raised(error: BaseException) -> Raised:
    try:
        raise error
    except BaseException as caught:
        return Raised(caught)


@given(endings, standards, st.floats(0, 1, exclude_max=True))
def test_an_end_is_terminal_and_nothing_else_is(ending: Ending, by: Standards, draw: float) -> None:
    ruling = rule(ending, by, lambda: draw)
    assert ruling.phase.terminal == (ruling.verb is Verb.END)
    assert (ruling.result is not None) == (ruling.phase is Phase.SUCCEEDED)
    assert ruling.delay >= 0
    if ruling.phase.terminal and ruling.phase is not Phase.SUCCEEDED:
        assert ruling.failure is not None


@given(failing, st.integers(1, 30), policies)
def test_a_failure_is_retried_until_its_attempts_are_exhausted(
    ending: Ending, attempts: int, policy: RetryPolicy
) -> None:
    ruling = ruled(ending, attempts, policy)
    expected = Phase.DEAD_LETTERED if attempts >= policy.max_attempts else Phase.RETRYING
    assert ruling.phase is expected
    assert ruling.failure is not None
    assert ruling.failure.retryable


def test_a_returned_value_is_the_result() -> None:
    assert ruled(Returned(b"[1]")) == Ruling(Verb.END, Phase.SUCCEEDED, result=b"[1]")


@pytest.mark.parametrize(("attempt", "delay"), [(1, 10), (2, 20)])
def test_an_error_waits_by_the_backoff(attempt: int, delay: float) -> None:
    assert ruled(raised(ValueError("x")), attempt).delay == delay


def test_a_retry_may_name_its_own_delay() -> None:
    assert ruled(raised(Retry(0.5))).delay == 0.5
    assert ruled(raised(Retry(0))).delay == 0
    assert ruled(raised(Retry())).delay == 10


def test_a_retry_counts_as_an_attempt() -> None:
    assert ruled(raised(Retry(0)), attempts=3).phase is Phase.DEAD_LETTERED


def test_an_attempts_timeout_is_retried() -> None:
    ruling = ruled(TimedOut(1.5))
    assert (ruling.verb, ruling.phase) == (Verb.RETRY, Phase.RETRYING)
    assert ruling.failure is not None
    assert (ruling.failure.type, ruling.failure.message) == ("TimedOut", "the attempt took longer than 1.5 s")


def test_a_passed_deadline_is_final_however_many_attempts_are_left() -> None:
    ruling = ruled(TimedOut(0, deadline=True))
    assert (ruling.verb, ruling.phase) == (Verb.END, Phase.FAILED)
    assert ruling.failure is not None
    assert (ruling.failure.type, ruling.failure.retryable) == ("DeadlineExceeded", False)


def test_a_cancellation_says_who_asked() -> None:
    ruling = ruled(Stopped(Phase.CANCELLED, "cancelled while it ran"))
    assert (ruling.verb, ruling.phase) == (Verb.END, Phase.CANCELLED)
    assert ruling.failure is not None
    assert ruling.failure.message == "cancelled while it ran"


@pytest.mark.parametrize(
    ("ending", "ruling"),
    [
        (Stopped(None), Ruling(Verb.RELEASE, Phase.QUEUED)),
        (Unknown("shop.x"), Ruling(Verb.PARK, Phase.QUEUED, reason="no live worker knows the task 'shop.x'")),
        (
            Unfit("shop.x: no such argument", foreign=True),
            Ruling(Verb.PARK, Phase.QUEUED, reason="shop.x: no such argument"),
        ),
    ],
)
def test_handing_back_is_no_failure(ending: Ending, ruling: Ruling) -> None:
    assert ruled(ending, attempts=99) == ruling


@pytest.mark.parametrize(
    ("ending", "patient", "type"),
    [
        (Unknown("shop.x"), False, "UnknownTask"),
        (Unfit("shop.x: no such argument", foreign=True), False, "BadArgument"),
        (Unfit("shop.x: no such argument"), True, "BadArgument"),
    ],
)
def test_what_no_worker_will_ever_run_is_dead_lettered(ending: Ending, patient: bool, type: str) -> None:
    ruling = rule(ending, Standards(1, POLICY, patient=patient), lambda: 0.5)
    assert (ruling.verb, ruling.phase) == (Verb.END, Phase.DEAD_LETTERED)
    assert ruling.failure is not None
    assert ruling.failure.type == type


def test_a_task_that_kills_its_workers_is_dead_lettered() -> None:
    ruling = ruled(Crashed(3))
    assert ruling.phase is Phase.DEAD_LETTERED
    assert ruling.failure is not None
    assert (ruling.failure.type, ruling.failure.message) == (
        "WorkerCrashed",
        "its worker died 3 times while running it",
    )


@given(st.integers(0, 9), st.integers(1, 9))
def test_a_process_that_died_is_a_crash_until_there_were_too_many(crashes: int, most: int) -> None:
    ruling = rule(Died(-9), Standards(1, POLICY, crashes, most), lambda: 0.5)
    if crashes + 1 < most:
        reason = f"its process died with exit code -9, crash {crashes + 1} of {most}"
        assert ruling == Ruling(Verb.CRASH, Phase.QUEUED, reason=reason)
    else:
        assert (ruling.verb, ruling.phase) == (Verb.END, Phase.DEAD_LETTERED)
        assert ruling.failure is not None
        assert ruling.failure.message.endswith("last with exit code -9")


def test_what_was_not_started_in_time_has_failed() -> None:
    ruling = ruled(Expired(1.26))
    assert (ruling.verb, ruling.phase) == (Verb.END, Phase.FAILED)
    assert ruling.failure is not None
    assert (ruling.failure.type, ruling.failure.retryable) == ("Expired", False)
    assert ruling.failure.message.endswith("1.3 s too late")


def test_a_passed_deadline_says_how_late_it_is() -> None:
    failure = ruled(TimedOut(1.26, deadline=True)).failure
    assert failure is not None
    assert failure.message == "the deadline had passed 1.3 s before"


class TestWhichExceptionsAreRetried:
    @pytest.mark.parametrize(
        ("error", "phase"),
        [
            (ConnectionError(), Phase.RETRYING),
            (ConnectionResetError(), Phase.RETRYING),  # a subclass
            (TimeoutError(), Phase.RETRYING),
            (ValueError(), Phase.FAILED),
            (Retry(), Phase.RETRYING),  # asking for it is enough
        ],
    )
    def test_those_in_retry_on(self, error: BaseException, phase: Phase) -> None:
        assert judged(error, retry_on=(ConnectionError, TimeoutError)).phase is phase

    @pytest.mark.parametrize(
        ("error", "phase"),
        [(KeyError(), Phase.FAILED), (LookupError(), Phase.FAILED), (ValueError(), Phase.RETRYING)],
    )
    def test_not_those_in_give_up_on(self, error: BaseException, phase: Phase) -> None:
        assert judged(error, give_up_on=(LookupError,)).phase is phase

    def test_giving_up_goes_before_retrying(self) -> None:
        options: dict[str, Any] = {"retry_on": (OSError,), "give_up_on": (ConnectionRefusedError,)}
        assert judged(ConnectionRefusedError(), **options).phase is Phase.FAILED
        assert judged(ConnectionResetError(), **options).phase is Phase.RETRYING

    def test_an_empty_retry_on_retries_nothing_but_retry(self) -> None:
        assert judged(ValueError(), retry_on=()).phase is Phase.FAILED
        assert judged(Retry(), retry_on=()).phase is Phase.RETRYING

    def test_what_is_final_keeps_its_reason_and_is_no_dead_letter(self) -> None:
        ruling = judged(ValueError("no such account"), attempts=3, give_up_on=(ValueError,))
        assert (ruling.verb, ruling.phase) == (Verb.END, Phase.FAILED)
        assert ruling.failure is not None
        assert (ruling.failure.message, ruling.failure.retryable) == ("no such account", False)
        assert "ValueError: no such account" in ruling.failure.traceback

    def test_what_may_be_retried_is_dead_lettered_at_its_last_attempt(self) -> None:
        assert judged(ConnectionError(), attempts=3, retry_on=(ConnectionError,)).phase is Phase.DEAD_LETTERED

    def test_a_timeout_is_retried_whatever_is_listed(self) -> None:
        by = Standards(1, POLICY, options=Options("shop", retry_on=()))
        assert rule(TimedOut(1.0), by, lambda: 0.5).phase is Phase.RETRYING


class TestInAProcessOfItsOwn:
    def test_a_value_comes_back(self) -> None:
        assert ended_in_child(child.Value(b"[1]")) == Returned(b"[1]")

    def test_a_death_is_told(self) -> None:
        assert ended_in_child(child.Died(-11)) == Died(-11)

    def test_an_exception_is_judged_by_the_names_of_its_classes(self) -> None:
        ending = ended_in_child(child.Error("KeyError", "'x'", "Traceback …", lineage(KeyError)))
        for options, phase in (
            (Options("shop"), Phase.RETRYING),
            (Options("shop", give_up_on=(LookupError,)), Phase.FAILED),
            (Options("shop", retry_on=(LookupError,)), Phase.RETRYING),
            (Options("shop", retry_on=(OSError,)), Phase.FAILED),
        ):
            ruling = rule(ending, Standards(1, POLICY, options=options), lambda: 0.5)
            assert ruling.phase is phase
            assert ruling.failure is not None
            assert (ruling.failure.type, ruling.failure.message) == ("KeyError", "'x'")

    @pytest.mark.parametrize(("asked", "delay"), [(0.5, 0.5), (None, 10), (-1.0, 0)])
    def test_a_retry_is_one(self, asked: float | None, delay: float) -> None:
        error = child.Error("Retry", "busy", "", lineage(Retry), wish="retry", delay=asked)
        ruling = rule(ended_in_child(error), Standards(1, POLICY, options=Options("shop", retry_on=())), lambda: 0.5)
        assert (ruling.phase, ruling.delay) == (Phase.RETRYING, delay)

    def test_a_snooze_is_one(self) -> None:
        error = child.Error("Snooze", "later", "", lineage(Snooze), wish="snooze", delay=9.0)
        ruling = rule(ended_in_child(error), Standards(1, POLICY), lambda: 0.5)
        assert (ruling.verb, ruling.phase, ruling.delay, ruling.failure) == (Verb.RELEASE, Phase.QUEUED, 9.0, None)


class TestDescription:
    def test_names_the_exception_and_its_place(self) -> None:
        failure = ruled(raised(KeyError("no such user"))).failure
        assert failure is not None
        assert (failure.type, failure.message) == ("KeyError", "'no such user'")
        assert failure.traceback.endswith("KeyError: 'no such user'\n")

    def test_names_a_nested_class_with_its_path(self) -> None:
        class Refused(Exception):
            pass

        failure = ruled(raised(Refused())).failure
        assert failure is not None
        assert failure.type.endswith("Refused")

    @given(st.characters(exclude_categories=["Cs"]))
    def test_is_cut_to_what_a_resource_takes(self, character: str) -> None:
        failure = ruled(raised(ValueError(character * 5000))).failure
        assert failure is not None
        assert (len(failure.message), len(failure.traceback)) == (1024, 4096)

    def test_survives_an_exception_that_cannot_be_printed(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        failure = ruled(raised(Mute())).failure
        assert failure is not None
        assert failure.type.endswith("Mute")

    def test_can_always_be_sent(self) -> None:
        ruling = ruled(raised(FileNotFoundError("\udcff.txt")), attempts=3)
        outcomes.encode(Outcome(id="a.b", task="a.b", phase=ruling.phase, finished_at=1.0, failure=ruling.failure))
