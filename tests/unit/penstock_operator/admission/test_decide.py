from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.limits import ARGUMENT_BYTES, DEFAULT_TTL_SECONDS
from penstock.status import TERMINAL
from penstock_operator.admission.decide import decide
from penstock_operator.admission.decisions import (
    Admit,
    Cancel,
    Decision,
    Expire,
    Hold,
    QueueRules,
    Refuse,
    Surroundings,
)
from penstock_operator.admission.view import TaskView
from tests.unit.penstock_operator.admission.views import CREATED, optional, view, views

times = st.floats(CREATED, CREATED + 20_000)
terminal = tuple(sorted(TERMINAL))


def decided(spec: dict[str, object], after: float = 1.0) -> Decision:
    return decide(view(spec), Surroundings(CREATED + after))


@given(views(), optional, times)
def test_a_finished_task_expires_and_nothing_else_does(task: TaskView, ttl: int | None, now: float) -> None:
    assert isinstance(decide(task, Surroundings(now, QueueRules(ttl))), Expire) == task.finished


@given(views(terminal), optional, times)
def test_a_terminal_task_is_admitted_for_a_later_run_only(task: TaskView, ttl: int | None, now: float) -> None:
    if isinstance(decide(task, Surroundings(now, QueueRules(ttl))), Admit):
        assert task.status_run < task.ref.run


@given(views(), times)
def test_only_what_nothing_speaks_against_is_admitted(task: TaskView, now: float) -> None:
    spec = task.spec
    overdue = task.deadline is not None and task.deadline <= now
    large = task.payload_bytes > ARGUMENT_BYTES
    against = task.finished or spec.cancel or overdue or large or spec.suspend
    assert isinstance(decide(task, Surroundings(now)), Admit) == (not against)


@given(views(), times, times)
def test_what_is_finished_stays_so_as_time_passes(task: TaskView, now: float, then: float) -> None:
    early, late = decide(task, Surroundings(min(now, then))), decide(task, Surroundings(max(now, then)))
    if isinstance(early, Refuse):
        assert isinstance(late, Refuse)


def test_a_plain_task_is_admitted() -> None:
    assert decided({}) == Admit()


def test_a_cancellation_goes_before_all_else() -> None:
    assert decided({"cancel": True, "suspend": True, "deadlineSeconds": 1}, after=5) == Cancel(
        "Cancelled", "spec.cancel is true"
    )


@pytest.mark.parametrize(("after", "passed"), [(9.9, False), (10, True), (11, True)])
def test_a_deadline_counts_from_creation(after: float, passed: bool) -> None:
    decision = decided({"deadlineSeconds": 10}, after)
    assert isinstance(decision, Refuse if passed else Admit)
    if isinstance(decision, Refuse):
        assert decision.reason == "DeadlineExceeded"
        assert "(10 s)" in decision.message


def test_a_suspended_task_runs_out_of_time_too() -> None:
    assert isinstance(decided({"suspend": True, "deadlineSeconds": 1}, after=2), Refuse)


def test_a_suspended_task_is_held_and_told_how_to_go_on() -> None:
    decision = decided({"suspend": True})
    assert isinstance(decision, Hold)
    assert decision.reason == "Suspended"
    assert "set it to false" in decision.message


@pytest.mark.parametrize(
    ("size", "fits"), [(ARGUMENT_BYTES - 8, True), (ARGUMENT_BYTES - 7, True), (ARGUMENT_BYTES, False)]
)
def test_arguments_have_a_bound(size: int, fits: bool) -> None:
    decision = decided({"args": ["x" * (size - 2)]})  # beside them: two quotes and [[],{}]
    assert isinstance(decision, Admit if fits else Refuse)


def test_a_refusal_names_both_sizes() -> None:
    decision = decided({"kwargs": {"a": "x" * 200_000}})
    assert isinstance(decision, Refuse)
    assert decision.reason == "PayloadTooLarge"
    assert "200013" in decision.message
    assert str(ARGUMENT_BYTES) in decision.message


@pytest.mark.parametrize(
    ("own", "queues", "ttl"), [(5, 7, 5), (None, 7, 7), (None, None, DEFAULT_TTL_SECONDS), (0, 7, 0), (None, 0, 0)]
)
def test_the_life_after_the_end_is_its_own_else_the_queues(own: int | None, queues: int | None, ttl: int) -> None:
    spec = {} if own is None else {"ttlSecondsAfterFinished": own}
    task = view(spec, {"phase": "Succeeded", "finishedAt": "2023-11-14T22:13:30Z"})
    assert decide(task, Surroundings(CREATED + 1, QueueRules(queues))) == Expire(CREATED + 10 + ttl)


def test_without_a_known_end_life_counts_from_now() -> None:
    assert decide(view({"ttlSecondsAfterFinished": 5}, {"phase": "Failed"}), Surroundings(CREATED + 1)) == Expire(
        CREATED + 6
    )
