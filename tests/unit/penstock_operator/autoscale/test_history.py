from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import LONGEST_SECONDS, History
from penstock_operator.autoscale.signals import Fleet, Signals, Work
from tests.unit.penstock_operator.autoscale.cases import IDLE, NOW, history

steps = st.lists(st.tuples(st.integers(1, 900), st.integers(0, 50)), max_size=40)


def after(
    past: History, replicas: int, now: float, work: Work | None = IDLE, recommended: int | None = None
) -> History:
    decision = Decision(replicas, "Backlog", "", recommended=replicas if recommended is None else recommended)
    return past.after(decision, Signals(work, Fleet()), now)


def test_it_begins_as_if_what_there_is_had_just_been_decided() -> None:
    past = History.begin(3, NOW)
    assert past.replicas == 3
    assert past.busy_at == NOW
    assert past.extremes(3600, NOW) == (3, 3)
    assert past.replicas_at(NOW - 3600) == 3


def test_tasks_that_come_and_end_between_two_looks_keep_a_pool_awake() -> None:
    past = after(History.begin(1, NOW), 1, NOW + 60, Work(active=True))
    assert past.busy_at == NOW + 60
    asleep = after(History.begin(0, NOW), 0, NOW + 60, Work(active=True))
    assert asleep.busy_at == NOW  # others serve the queue


def test_what_was_recommended_and_what_was_decided_are_two_things() -> None:
    past = after(History.begin(3, NOW), 4, NOW + 1, recommended=9)
    assert past.replicas == 4
    assert past.extremes(0, NOW + 1) == (9, 9)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, (2, 2)), (9, (2, 2)), (10, (2, 2)), (11, (2, 8)), (29, (2, 8)), (31, (1, 8))]
)
def test_a_recommendation_is_in_force_until_the_next(seconds: float, expected: tuple[int, int]) -> None:
    assert history((30, 8), (10, 2), begin=1).extremes(seconds, NOW) == expected


def test_the_count_at_a_moment() -> None:
    past = history((30, 8), (10, 2), begin=1)
    assert [past.replicas_at(NOW - ago) for ago in (9000, 31, 30, 11, 10, 0)] == [1, 1, 8, 8, 2, 2]


def test_only_known_idleness_is_idle() -> None:
    past = after(History.begin(1, NOW), 1, NOW + 5)
    assert past.busy_at == NOW
    assert after(past, 1, NOW + 6, Work(in_flight=0.25)).busy_at == NOW + 6
    assert after(past, 1, NOW + 7, Work(barred=9)).busy_at == NOW
    assert after(past, 1, NOW + 8, None).busy_at == NOW + 8


def test_what_cannot_be_read_recommends_nothing() -> None:
    past = after(History.begin(1, NOW), 7, NOW + 1, None)
    assert past.replicas == 7
    assert past.extremes(3600, NOW + 1) == (1, 1)


@given(steps, st.integers(0, 3600))
def test_the_extremes_are_those_of_every_look_in_the_window(looks: list[tuple[int, int]], seconds: int) -> None:
    past, now, seen = History.begin(0, NOW), NOW, [(NOW, 0)]
    for passed, replicas in looks:
        now += passed
        past = after(past, replicas, now)
        seen.append((now, replicas))
    before = [count for at, count in seen if at <= now - seconds]
    within = [*(before[-1:] or [0]), *(count for at, count in seen if at > now - seconds)]
    assert past.extremes(seconds, now) == (min(within), max(within))


@given(steps)
def test_the_last_hour_is_remembered_and_little_more(looks: list[tuple[int, int]]) -> None:
    past, now = History.begin(0, NOW), NOW
    for passed, replicas in looks:
        now += passed
        past = after(past, replicas, now)
    for kept in (past.recommended, past.decided):
        changed = kept[-1][0]
        assert sum(at <= changed - LONGEST_SECONDS for at, _ in kept) <= 1
        assert list(kept) == sorted(kept, key=lambda step: step[0])


def test_it_stays_bounded_however_long_it_goes_on() -> None:
    past = History.begin(0, NOW)
    for second in range(3 * 3600):
        past = after(past, second % 2, NOW + second)
    assert len(past.decided) <= LONGEST_SECONDS + 2
    assert len(past.recommended) <= LONGEST_SECONDS + 2


def test_nothing_is_added_while_nothing_changes() -> None:
    past = History.begin(4, NOW)
    for second in range(100):
        past = after(past, 4, NOW + second)
    assert past.decided == ((NOW, 4),)
