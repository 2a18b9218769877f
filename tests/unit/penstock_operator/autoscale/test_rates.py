from __future__ import annotations

import math
import random
from collections.abc import Iterator
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.broker.messages import Depth
from penstock_operator.autoscale.rates import DOUBLING_SECONDS, LEAST_SERVICE_SECONDS, PRIOR_SECONDS, Rates

depths = st.builds(
    Depth,
    arrived=st.integers(0, 10**9),
    settled=st.integers(0, 10**9),
    ran=st.floats(0, 1e9),
    in_flight=st.integers(0, 10_000),
)


def stream(arrivals: Iterator[tuple[float, float]], seconds: int, every: float = 1.0) -> Iterator[tuple[float, Depth]]:
    """What looks at a queue see that has workers enough. `arrivals`: (when, how long it takes)."""
    running: list[tuple[float, float]] = []
    arrived, settled, ran = 0, 0, 0.0
    coming = next(arrivals)
    for look in range(int(seconds / every)):
        now = look * every
        while coming[0] <= now:
            arrived += 1
            heappush(running, (sum(coming), coming[1]))
            coming = next(arrivals)
        while running and running[0][0] <= now:
            settled, ran = settled + 1, ran + heappop(running)[1]
        yield now, Depth(arrived=arrived, settled=settled, ran=ran, in_flight=len(running))


def regular(rate: float, service: float) -> Iterator[tuple[float, float]]:
    return ((number / rate, service) for number in range(10**9))


def poisson(rate: float, service: float, seed: int) -> Iterator[tuple[float, float]]:
    """M/G/∞: exponential gaps and lengths."""
    dice, at = random.Random(seed), 0.0
    while True:
        at += dice.expovariate(rate)
        yield at, dice.expovariate(1 / service)


def measured(looks: Iterator[tuple[float, Depth]]) -> list[Rates]:
    at, depth = next(looks)
    found = [Rates(at, depth)]
    for now, later in looks:
        found.append(found[-1].after(later, now))
    return found


def first(depth: Depth | None = None) -> Rates:
    return Rates(0.0, depth or Depth())


@given(st.floats(0.2, 200), st.floats(0.001, 20), st.sampled_from([0.25, 1.0, 3.0]))
@settings(max_examples=15, deadline=None)
def test_a_regular_stream_is_measured_exactly(rate: float, service: float, every: float) -> None:
    enough = math.ceil(max(240, 1000 / rate))  # by then what was supposed has faded
    last = measured(stream(regular(rate, service), enough, every))[-1]
    assert last.arrivals.steady == pytest.approx(rate, rel=0.15, abs=0.05)
    assert last.service == pytest.approx(service, rel=0.01)


@pytest.mark.parametrize(("rate", "service"), [(20, 0.05), (20, 2), (5, 30)])
def test_a_poisson_stream_is_measured_well_on_average(rate: float, service: float) -> None:
    runs = [measured(stream(poisson(rate, service, seed), 900))[-300:] for seed in range(5)]
    looks = [rates for run in runs for rates in run]
    assert sum(rates.arrivals.steady for rates in looks) / len(looks) == pytest.approx(rate, rel=0.1)
    assert sum(rates.service or 0 for rates in looks) / len(looks) == pytest.approx(service, rel=0.1)


def test_hour_long_tasks_that_have_not_ended_are_not_taken_for_short_ones() -> None:
    found = measured(stream(regular(0.5, 3600), 600))
    services = [rates.service or 0.0 for rates in found]
    assert min(services[1:]) >= PRIOR_SECONDS
    assert services[300] > 60
    assert services[-1] > 100


def test_a_first_look_right_after_a_start_does_not_make_a_task_short() -> None:
    started = first().after(Depth(arrived=1, in_flight=1), 0.05)
    assert started.service == PRIOR_SECONDS


def test_looks_that_come_with_the_tasks_do_not_make_those_long() -> None:
    """A burst of 100 tasks of 10 ms is admitted each second, and each calls for a look."""
    rates = first()
    for second in range(1, 300):
        bursts = Depth(arrived=100 * second, settled=100 * (second - 1), ran=1.0 * (second - 1), in_flight=100)
        rates = rates.after(bursts, float(second))
    assert rates.service == pytest.approx(0.01)


def test_a_rare_task_is_remembered_until_the_next_has_ended() -> None:
    known = (40 + 3 * PRIOR_SECONDS * math.exp(-0.01)) / (1 + 3 * math.exp(-0.01))  # one attempt, and three supposed
    rates = first().after(Depth(arrived=1, settled=1, ran=40.0), 60.0)
    assert rates.service == pytest.approx(known)
    for second in range(61, 4000):
        rates = rates.after(Depth(arrived=1, settled=1, ran=40.0), float(second))
        assert rates.service == pytest.approx(known)
    assert rates.after(Depth(arrived=2, settled=1, ran=40.0, in_flight=1), 4001.0).service == pytest.approx(known)


@pytest.mark.parametrize("seconds", [100.0, 1e5, 1e9])
def test_what_is_known_survives_any_silence(seconds: float) -> None:
    many = first().after(Depth(settled=2000, ran=4000.0), 100.0)
    rates = many.after(Depth(settled=2000, ran=4000.0), 100.0 + seconds)
    assert rates.service == many.service == pytest.approx(2)
    assert rates.after(Depth(settled=2001, ran=4002.0), 101.0 + seconds).service == pytest.approx(2)


def test_the_first_attempts_may_be_short_by_chance() -> None:
    found = [first().after(Depth(settled=count), 1.0).service or 0.0 for count in (1, 3, 10, 100, 1000)]
    assert found[0] > PRIOR_SECONDS / 2
    assert found == sorted(found, reverse=True)
    assert found[-1] == LEAST_SERVICE_SECONDS


@given(st.floats(0.001, 100), st.floats(0.001, 100), st.integers(1, 50))
def test_after_some_hundred_attempts_the_mean_is_of_those(before: float, then: float, each: int) -> None:
    rates = first().after(Depth(settled=1000, ran=1000 * before), 1000.0)
    for look in range(1, 1000 // each + 1):
        settled = look * each
        rates = rates.after(
            Depth(settled=1000 + settled, ran=1000 * before + settled * then), 1000.0 + look * DOUBLING_SECONDS * 20
        )
    assert rates.service == pytest.approx(then, rel=0.001, abs=0.001 * before)


@pytest.mark.parametrize(
    "lost",
    [Depth(), Depth(arrived=5, settled=99, ran=1), Depth(arrived=99, settled=5, ran=1), Depth(arrived=99, settled=99)],
)
def test_a_counter_that_fell_starts_anew_and_keeps_the_rates(lost: Depth) -> None:
    before = first().after(Depth(arrived=50, settled=50, ran=100.0), 10.0)
    reset = before.after(lost, 11.0)
    assert (reset.arrivals, reset.service) == (before.arrivals, before.service)
    again = Depth(arrived=lost.arrived + 3, settled=lost.settled + 3, ran=lost.ran + 6)
    then = reset.after(again, 12.0)
    assert then.arrivals == before.arrivals.after(3, 1.0)
    assert then.service == before.after(Depth(arrived=53, settled=53, ran=106.0), 11.0).service


@given(st.lists(st.tuples(st.floats(-5, 1000), depths), max_size=20))
def test_whatever_is_seen_rates_are_no_less_than_nothing(looks: list[tuple[float, Depth]]) -> None:
    rates, now = first(), 0.0
    for passed, depth in looks:
        now += passed
        rates = rates.after(depth, now)
        for rate in (rates.arrivals.steady, rates.arrivals.quick):
            assert 0 <= rate < math.inf
        assert LEAST_SERVICE_SECONDS <= rates.mean < math.inf
        assert rates.service is None or rates.mean <= rates.service < math.inf


@given(st.lists(st.tuples(st.floats(0.01, 100), depths), max_size=20))
def test_the_mean_at_most_doubles_in_ten_seconds(looks: list[tuple[float, Depth]]) -> None:
    assert DOUBLING_SECONDS == 10
    rates, now = first(), 0.0
    for passed, depth in looks:
        before, now = rates.mean, now + passed
        rates = rates.after(depth, now)
        assert rates.mean <= before * 2 ** (passed / DOUBLING_SECONDS) * (1 + 1e-9)


def test_what_is_still_in_flight_tells_at_once_how_long_it_takes() -> None:
    """Little's law is no estimate: ten that have been in flight for five minutes do take that, or longer."""
    rates = first().after(Depth(in_flight=10), 1.0).after(Depth(in_flight=10), 301.0)
    assert (rates.mean, rates.service) == (PRIOR_SECONDS, 300)


def test_the_service_time_falls_at_once() -> None:
    slow = first().after(Depth(settled=1, ran=60.0), 60.0)
    fast = slow.after(Depth(settled=1001, ran=70.0), 61.0)
    assert fast.service == pytest.approx(0.01, rel=0.01)  # the last hundred of a thousand that took 10 ms each


def test_a_second_look_at_the_same_moment_changes_nothing() -> None:
    rates = first().after(Depth(arrived=5), 1.0)
    assert rates.after(Depth(arrived=9), 1.0) is rates
    assert rates.after(Depth(arrived=9), 0.5) is rates


def test_before_anything_ran_nothing_is_known_of_its_length() -> None:
    assert first().after(Depth(arrived=5, ready=5), 1.0).service is None


def test_whether_anything_has_ended_since_the_look_before() -> None:
    rates = Rates(0.0, Depth()).after(Depth(arrived=1, settled=1, ran=0.05), 1.0)
    assert rates.active
    assert not rates.after(Depth(arrived=1, settled=1, ran=0.05), 2.0).active
