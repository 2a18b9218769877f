from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.case import Case
from penstock_operator.autoscale.policies.patience import patient
from penstock_operator.autoscale.signals import Fleet, Work
from tests.unit.penstock_operator.autoscale.cases import IDLE, amounts, case, proposed, works

objectives = st.floats(0.1, 600)
starts = st.floats(0.1, 600)


def there(work: Work, current: int, seconds: float = 5.0, start: float = 5.0) -> Case:
    """Workers of ten places each."""
    fleet = Fleet(wanted=current, ready=current, start_seconds=start)
    return case(work, fleet, current=current, concurrency=10, target={"latencySeconds": seconds})


def wait(work: Work, replicas: int, start: float = 5.0) -> float:
    """That of a task which comes when another worker would be up, if nobody is added."""
    begun = replicas * 10 / (1.0 if work.service_seconds is None else work.service_seconds)
    return (work.waiting + max(0.0, work.recent_rate - begun) * start) / begun


@pytest.mark.parametrize(
    ("work", "held"),
    [
        # Two replicas of ten places begin 20 a second, if each task takes a second.
        (Work(waiting=100, service_seconds=1), True),  # 5 s
        (Work(waiting=101, service_seconds=1), False),
        (Work(waiting=100), True),  # until anything was measured, too
        (Work(waiting=80, service_seconds=2), False),
        (Work(oldest=5, service_seconds=1), True),
        (Work(oldest=5.1, service_seconds=1), False),
        (Work(recent_rate=40, service_seconds=1), True),  # 20 a second too many, for the 5 s of a start
        (Work(recent_rate=41, service_seconds=1), False),
        (Work(waiting=80, recent_rate=24, service_seconds=1), True),
        (Work(waiting=80, recent_rate=25, service_seconds=1), False),
        (Work(waiting=60, oldest=1, service_seconds=1), True),  # all of them begin before another worker would be up
        (Work(waiting=90, oldest=4.9, service_seconds=1), True),
        (Work(waiting=1, service_seconds=3600), False),  # nobody ends in time
        (Work(in_flight=20, service_seconds=3600), True),
    ],
)
def test_no_more_while_what_waits_will_begin_in_time(work: Work, held: bool) -> None:
    found = patient(proposed(3), there(work, 2))
    assert (found.replicas, found.reason) == ((2, "WithinObjective") if held else (3, "Backlog"))


def test_the_message_says_how_long() -> None:
    assert "2 will begin them within 3 s" in patient(proposed(3), there(Work(waiting=60, service_seconds=1), 2)).message


def test_who_has_waited_longest_waits_for_the_next_worker_if_there_are_too_many() -> None:
    crowd = Work(waiting=41, oldest=3.1, service_seconds=1)  # of which two seconds' start sees forty begin
    assert patient(proposed(3), there(crowd, 2, seconds=5, start=2)).replicas == 3
    assert patient(proposed(3), there(replace(crowd, oldest=2.9), 2, seconds=5, start=2)).replicas == 2
    assert patient(proposed(3), there(replace(crowd, waiting=40), 2, seconds=5, start=2)).replicas == 2


@given(works(), st.integers(1, 60), st.integers(0, 60), objectives, starts)
def test_the_expected_wait_never_exceeds_the_objective(
    work: Work, asked: int, current: int, seconds: float, start: float
) -> None:
    found = patient(proposed(asked), there(work, current, seconds, start)).replicas
    if found < asked:
        assert found == current
        assert wait(work, found, start) <= seconds
        assert work.oldest <= seconds


@given(works(), st.integers(0, 60), st.integers(0, 60), objectives, starts)
def test_it_only_ever_refuses_a_raise(work: Work, asked: int, current: int, seconds: float, start: float) -> None:
    found = patient(proposed(asked), there(work, current, seconds, start))
    assert found == proposed(asked) if asked <= current else found.replicas in (current, asked)


@given(works(), st.integers(0, 60))
def test_of_none_the_first_is_never_refused(work: Work, asked: int) -> None:
    assert patient(proposed(asked), there(work, 0)) == proposed(asked)


@given(works(), st.integers(0, 60), st.integers(0, 60))
def test_with_a_backlog_target_it_has_no_say(work: Work, asked: int, current: int) -> None:
    one = case(work, current=current, target={"backlogPerReplica": 5})
    assert patient(proposed(asked), one) == proposed(asked)


@given(works(), amounts, st.integers(1, 60), objectives)
def test_more_that_waits_is_never_borne_more_patiently(work: Work, more: float, current: int, seconds: float) -> None:
    heavier = replace(work, waiting=work.waiting + more)
    lighter, later = (patient(proposed(61), there(one, current, seconds)).replicas for one in (work, heavier))
    assert lighter <= later


@given(st.integers(1, 60), st.integers(61, 100))
def test_with_nothing_to_begin_nobody_is_added(current: int, asked: int) -> None:
    assert patient(proposed(asked), there(IDLE, current)).replicas == current
