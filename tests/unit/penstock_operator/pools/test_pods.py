from __future__ import annotations

import pytest
from msgspec.structs import replace

from penstock_operator.api import Key
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.pools.pods import MOST_SECONDS, PRIOR_SECONDS, Pods
from tests.unit.penstock_operator.pod_bodies import CREATED_AT, NO_IMAGE, STARTING, UNSCHEDULABLE, UP, view

FAST, SLOW = ("shop", "fast"), ("shop", "slow")


def pod(uid: str = "a", pool: str = "fast", *, up: bool = False) -> PodView:
    return view(UP if up else STARTING, name=uid, uid=uid, labels={"penstock.dev/pool": pool})


def started(pods: Pods, uid: str, seconds: float, *, again: bool = False) -> None:
    """It becomes ready so long after it was made."""
    if not again:
        pods.seen(pod(uid))
    pods.seen(replace(pod(uid), ready_at=CREATED_AT + seconds))


def names(pods: Pods, pool: Key) -> list[str]:
    return sorted(one.name for one in pods.of(pool))


def test_they_are_kept_by_pool_and_by_uid() -> None:
    pods = Pods()
    for uid, pool in (("a", "fast"), ("b", "fast"), ("c", "slow")):
        pods.seen(pod(uid, pool))
    pods.seen(replace(pod("d"), namespace="bank"))
    assert (names(pods, FAST), names(pods, SLOW), names(pods, ("shop", "none"))) == (["a", "b"], ["c"], [])
    assert set(pods.uids()) == {"a", "b", "c", "d"}
    assert set(pods.uids("bank")) == {"d"}


def test_changes_are_told_and_nothing_else() -> None:
    told = list[Key]()
    pods = Pods(told.append)
    pods.seen(pod())
    pods.seen(pod())
    pods.seen(pod(up=True))
    pods.gone("a")
    pods.gone("a")
    assert told == [FAST] * 3
    assert names(pods, FAST) == []


def test_one_with_another_label_is_no_more_in_its_old_pool() -> None:
    """`kubectl label` takes a pod out of its pool, to look at it in peace."""
    told = list[Key]()
    pods = Pods(told.append)
    pods.seen(pod())
    pods.seen(pod(pool="slow"))
    assert (names(pods, FAST), names(pods, SLOW)) == ([], ["a"])
    assert told == [FAST, FAST, SLOW]
    pods.gone("a")
    assert names(pods, SLOW) == []


def test_until_a_start_was_seen_one_is_supposed() -> None:
    pods = Pods()
    assert pods.start_seconds(FAST, CREATED_AT) == PRIOR_SECONDS
    pods.seen(pod(up=True))  # it was ready before anybody looked
    assert pods.start_seconds(FAST, CREATED_AT + 1000) == PRIOR_SECONDS


def test_starts_are_measured_the_latest_for_three_tenths() -> None:
    pods = Pods()
    started(pods, "a", 20)
    assert pods.start_seconds(FAST, CREATED_AT + 20) == 20
    started(pods, "b", 30)
    assert pods.start_seconds(FAST, CREATED_AT + 30) == pytest.approx(23)
    assert pods.start_seconds(SLOW, CREATED_AT + 30) == PRIOR_SECONDS


def test_one_that_was_unready_for_a_while_has_not_started_again() -> None:
    """As all workers are while Redis is away."""
    pods = Pods()
    started(pods, "a", 20)
    pods.seen(pod("a"))
    assert pods.start_seconds(FAST, CREATED_AT + 3600) == 20
    started(pods, "a", 3600, again=True)
    assert pods.start_seconds(FAST, CREATED_AT + 3600) == 20


def test_those_that_were_up_before_the_operator_have_not_started_either() -> None:
    pods = Pods()
    for up in (True, False):
        pods.seen(pod(up=up))
    assert pods.start_seconds(FAST, CREATED_AT + 3600) == PRIOR_SECONDS


def test_a_start_that_goes_on_takes_at_least_so_long() -> None:
    pods = Pods()
    pods.seen(pod())
    found = [pods.start_seconds(FAST, CREATED_AT + after) for after in (1, 5, 90, 10_000)]
    assert found == [PRIOR_SECONDS, 5, 90, MOST_SECONDS]
    started(pods, "a", 10_000, again=True)
    assert pods.start_seconds(FAST, CREATED_AT + 10_000) == MOST_SECONDS


def test_what_cannot_start_says_nothing_of_those_that_can() -> None:
    pods = Pods()
    pods.seen(view(NO_IMAGE, uid="a"))
    pods.seen(view(UNSCHEDULABLE, node=None, uid="b"))
    pods.seen(view(STARTING, uid="c", deletionTimestamp="2026-11-21T10:00:05Z"))
    assert pods.start_seconds(FAST, CREATED_AT + 300) == PRIOR_SECONDS


def test_a_clock_that_is_behind_makes_no_start_shorter_than_nothing() -> None:
    pods = Pods()
    started(pods, "a", -3)
    pods.seen(pod("b"))
    assert pods.start_seconds(FAST, CREATED_AT - 10) == 0


def test_a_forgotten_pool_learns_anew_but_its_pods_are_there() -> None:
    pods = Pods()
    started(pods, "a", 20)
    pods.forget(FAST)
    assert pods.start_seconds(FAST, CREATED_AT + 20) == PRIOR_SECONDS
    assert names(pods, FAST) == ["a"]
