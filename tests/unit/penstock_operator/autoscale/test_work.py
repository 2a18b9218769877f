from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.messages import Depth
from penstock_operator.autoscale.arrivals import Arrivals
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.signals import Work
from penstock_operator.autoscale.work import part, together, work
from tests.unit.penstock_operator.autoscale.cases import works

counts = st.integers(0, 10_000)
depths = st.builds(
    Depth,
    ready=counts,
    due=counts,
    in_flight=counts,
    ended=counts,
    paused=st.booleans(),
    places=st.none() | counts,
    burst=st.none() | counts,
    rate=st.none() | st.floats(0.001, 1000),
)
services = st.none() | st.floats(0.001, 86_400)


def asked(depth: Depth, arrival: float = 0.0, service: float | None = None, recent: float = 0.0) -> Work:
    return work(depth, Rates(0.0, depth, Arrivals(arrival, recent), service=service))


@given(depths, st.floats(0, 1000), services)
def test_whatever_wants_a_worker_waits_or_is_barred(depth: Depth, arrival: float, service: float | None) -> None:
    found = asked(depth, arrival, service)
    assert found.waiting - depth.ended + found.barred == depth.ready + depth.due
    assert min(found.waiting, found.due, found.barred, found.in_flight, found.arrival_rate) >= 0
    assert found.due <= found.waiting
    assert math.isfinite(found.arrival_rate)


@given(depths, st.floats(0, 1000), services, st.floats(0, 1000))
def test_no_limit_is_passed_by_what_counts(depth: Depth, arrival: float, service: float | None, recent: float) -> None:
    found = asked(depth, arrival, service, recent)
    startable = found.waiting - depth.ended
    if depth.paused:
        assert (startable, found.arrival_rate, found.recent_rate) == (0, 0, 0)
    if depth.places is not None:
        assert startable <= depth.places
        assert found.most == depth.places + depth.in_flight
    if depth.rate is not None:
        assert max(found.arrival_rate, found.recent_rate) <= depth.rate


def test_of_a_plain_queue_all_counts() -> None:
    depth = Depth(ready=5, delayed=9, due=2, gated=4, in_flight=3, parked=1, blocked=7, ended=1, oldest=8.5)
    assert asked(depth, 2.5, 0.5, recent=4.5) == Work(8, 2, 0, 3, None, 8.5, 2.5, 4.5, 0.5)


def test_a_paused_queue_asks_for_no_more_than_what_runs_and_what_is_to_be_told() -> None:
    found = asked(Depth(ready=500, due=5, in_flight=3, ended=1, paused=True), arrival=40, recent=50)
    assert found == Work(waiting=1, barred=505, in_flight=3)


def test_places_that_are_taken_bar_the_rest() -> None:
    found = asked(Depth(ready=500, in_flight=10, places=0))
    assert (found.waiting, found.barred, found.in_flight, found.most) == (0, 500, 10, 10)


def test_a_limited_rate_keeps_rate_times_service_time_running() -> None:
    """Little's law: 2 a second, of 30 s each, are 60 at once, and those in flight belong to them."""
    limit = Depth(ready=5000, rate=2.0, burst=0)
    assert asked(limit, 50, 30.0).backlog == 60
    running = Depth(ready=5000, rate=2.0, burst=0, in_flight=50)
    assert asked(running, 50, 30.0).backlog == 60
    assert asked(running, 50, 30.0).arrival_rate == 2


def test_what_a_rate_lets_start_within_a_second_counts_whatever_runs() -> None:
    assert asked(Depth(ready=5000, rate=2.0, burst=0, in_flight=60), 50, 30.0).waiting == 2
    assert asked(Depth(ready=5000, rate=0.01, burst=0), 50).waiting == 1
    assert asked(Depth(ready=5000, rate=2.0, burst=100), 50).waiting == 102


def test_a_burst_without_a_rate_is_no_limit() -> None:
    assert asked(Depth(ready=5000)).waiting == 5000


@given(works())
def test_of_a_single_queue_nothing_is_changed(only: Work) -> None:
    assert together([only]) is only


@given(st.lists(works(), min_size=2, max_size=5))
def test_several_queues_are_the_sum_of_them(parts: list[Work]) -> None:
    found = together(parts)
    assert found.backlog == pytest.approx(sum(one.backlog for one in parts))
    assert found.arrival_rate == pytest.approx(sum(one.arrival_rate for one in parts))
    assert found.recent_rate == pytest.approx(sum(one.recent_rate for one in parts))
    assert found.oldest == max(one.oldest for one in parts)
    known = [one.service_seconds for one in parts if one.service_seconds is not None]
    if known:
        assert found.service_seconds is not None
        assert min(known) * 0.999 <= found.service_seconds <= max(known) * 1.001
    else:
        assert found.service_seconds is None


@given(st.lists(works(), min_size=2, max_size=5))
def test_places_are_limited_only_where_all_queues_limit_them(parts: list[Work]) -> None:
    most = together(parts).most
    assert (most is None) == any(one.most is None for one in parts)
    if most is not None:
        assert most == pytest.approx(sum(one.most or 0 for one in parts))


@given(st.lists(works().filter(lambda one: one.service_seconds), min_size=2, max_size=5), st.floats(0.1, 600))
def test_the_mean_service_time_asks_for_as_much_as_its_queues_do(parts: list[Work], within: float) -> None:
    """(λ + B/T)·S, summed over queues and of their sum."""
    found = together(parts, within)
    apart = [(one.arrival_rate + one.waiting / within) * (one.service_seconds or 0) for one in parts]
    at_once = (found.arrival_rate + found.waiting / within) * (found.service_seconds or 0)
    assert at_once == pytest.approx(sum(apart))


def test_no_queue_at_all_asks_for_nothing() -> None:
    assert together([]).backlog == 0


@given(works(), st.integers(1, 10))
def test_shares_of_a_queue_are_all_of_it(whole: Work, pools: int) -> None:
    shares = [part(whole, 1 / pools, waiting=7, in_flight=3) for _ in range(pools)]
    assert sum(one.arrival_rate for one in shares) == pytest.approx(whole.arrival_rate)
    assert sum(one.recent_rate for one in shares) == pytest.approx(whole.recent_rate)
    assert sum(one.barred for one in shares) == pytest.approx(whole.barred)
    assert all(one.due <= one.waiting for one in shares)
    assert {one.service_seconds for one in shares} == {whole.service_seconds}


def test_a_share_holds_what_its_own_workers_hold() -> None:
    whole = Work(10, 4, 2, 8, 20, 3.5, 6, 10, 0.5)
    assert part(whole, 0.25, waiting=3, in_flight=8) == replace(
        whole, waiting=3, due=1, barred=0.5, in_flight=8, most=5, arrival_rate=1.5, recent_rate=2.5
    )
