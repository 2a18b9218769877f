from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import outcome as outcomes
from penstock.broker.protocol import Verb
from penstock.outcome import Outcome
from penstock.retry import Retry, RetryPolicy
from penstock.status import Phase
from penstock.worker.verdict import (
    Crashed,
    Ending,
    Raised,
    Returned,
    Ruling,
    Stopped,
    TimedOut,
    Unknown,
    rule,
)

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
)
endings: st.SearchStrategy[Ending] = st.one_of(
    failing,
    st.builds(Returned, st.just(b"1")),
    st.builds(TimedOut, st.floats(0, 1e4), deadline=st.just(True)),
    st.builds(Stopped, st.sampled_from([None, Phase.CANCELLED]), st.text()),
    st.builds(Unknown, st.text()),
    st.builds(Crashed, st.integers(1, 9)),
)


def ruled(ending: Ending, attempts: int = 1, policy: RetryPolicy = POLICY) -> Ruling:
    return rule(ending, attempts, policy, lambda: 0.5)


def raised(error: BaseException) -> Raised:
    try:
        raise error
    except BaseException as caught:
        return Raised(caught)


@given(endings, st.integers(1, 30), policies, st.floats(0, 1, exclude_max=True))
def test_an_end_is_terminal_and_nothing_else_is(
    ending: Ending, attempts: int, policy: RetryPolicy, draw: float
) -> None:
    ruling = rule(ending, attempts, policy, lambda: draw)
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


@pytest.mark.parametrize(("ending", "verb"), [(Stopped(None), Verb.RELEASE), (Unknown("shop.x"), Verb.PARK)])
def test_handing_back_is_no_failure(ending: Ending, verb: Verb) -> None:
    assert ruled(ending, attempts=99) == Ruling(verb, Phase.QUEUED)


def test_a_task_that_kills_its_workers_is_dead_lettered() -> None:
    ruling = ruled(Crashed(3))
    assert ruling.phase is Phase.DEAD_LETTERED
    assert ruling.failure is not None
    assert (ruling.failure.type, ruling.failure.message) == (
        "WorkerCrashed",
        "its worker died 3 times while running it",
    )


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
        outcomes.encode(Outcome(id="a/b", task="a.b", phase=ruling.phase, finished_at=1.0, failure=ruling.failure))
