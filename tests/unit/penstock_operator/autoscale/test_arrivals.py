from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.arrivals import ENOUGH, LONGEST_SECONDS, QUICK_SECONDS, Arrivals

looks = st.lists(st.tuples(st.integers(0, 100_000), st.floats(0.001, 10_000)), max_size=30)


def poisson(dice: random.Random, rate: float, seconds: int) -> Iterator[int]:
    """How many come in each second."""
    at, counts = dice.expovariate(rate), [0] * seconds
    while at < seconds:
        counts[int(at)] += 1
        at += dice.expovariate(rate)
    return iter(counts)


def seen(counts: Iterator[int], since: Arrivals | None = None) -> list[Arrivals]:
    """A look a second."""
    found, now = list[Arrivals](), since or Arrivals()
    for count in counts:
        now = now.after(count, 1.0)
        found.append(now)
    return found


def settled(rate: float) -> Arrivals:
    """That rate for as long as anybody remembers."""
    return Arrivals(rate, rate)


def sigma(rate: float) -> float:
    """Of the mean of Poisson arrivals: √(λ/2τ)."""
    return math.sqrt(rate / (2 * min(LONGEST_SECONDS, max(QUICK_SECONDS, ENOUGH / rate))))


@pytest.mark.parametrize("rate", [0.2, 1.0, 5.0, 20.0, 100.0])
def test_the_steady_mean_is_within_three_sigmas_of_a_poisson_stream(rate: float) -> None:
    streams = [seen(poisson(random.Random(seed), rate, 3600))[1200:] for seed in range(8)]
    errors = [abs(one.steady - rate) / sigma(rate) for stream in streams for one in stream]
    assert sum(error < 3 for error in errors) / len(errors) > 0.97


@pytest.mark.parametrize("rate", [1.0, 5.0])
def test_the_steady_mean_is_the_calmer_of_the_two(rate: float) -> None:
    """By √(τ/τ'), where it looks back over as many seconds as 200 arrivals take."""
    stream = [one for seed in range(5) for one in seen(poisson(random.Random(seed), rate, 3600))[1200:]]
    steady, quick = (sum(abs(mean - rate) for mean in means) for means in zip(*map(astuple, stream), strict=True))
    assert steady < 1.3 * quick * math.sqrt(QUICK_SECONDS * rate / ENOUGH)


@pytest.mark.parametrize(("rate", "seconds"), [(0.1, 20), (1.0, 10), (10.0, 10), (100.0, 10)])
@pytest.mark.parametrize("seed", range(5))
def test_ten_times_as_many_are_believed_within_ten_seconds(rate: float, seconds: int, seed: int) -> None:
    """Or as soon as about ten more have come."""
    grown = seen(poisson(random.Random(seed), 10 * rate, 120), settled(rate))
    assert grown[seconds - 1].steady > 3 * rate
    assert grown[-1].steady == pytest.approx(10 * rate, abs=3 * math.sqrt(10 * rate / (2 * QUICK_SECONDS)))


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 60), (10.0, 20), (100.0, 20)])
@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_them_is_believed_too(rate: float, seconds: int, seed: int) -> None:
    fallen = seen(poisson(random.Random(seed), rate / 10, seconds), settled(rate))
    assert fallen[-1].steady < 0.6 * rate


def test_a_jump_begins_the_steady_mean_anew_and_noise_does_not() -> None:
    calm = Arrivals(1.0, 1.0)
    noisy, jumped = calm.after(10, 1.0), calm.after(30, 1.0)
    assert noisy.steady == pytest.approx(1.0, rel=0.05)
    assert noisy.quick > 1.4
    assert jumped.steady == jumped.quick > 2


@given(looks, st.integers(1, 600))
def test_they_fade_when_they_end(before: list[tuple[int, float]], seconds: int) -> None:
    busy = Arrivals()
    for count, passed in before:
        busy = busy.after(count, passed)
    idle = [busy, *seen(iter([0] * seconds), busy)]
    for rates in ([one.steady for one in idle], [one.quick for one in idle]):
        assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0, 10.0, 1000.0])
def test_an_hour_after_the_last_there_are_none(rate: float) -> None:
    idle = seen(iter([0] * 3600), settled(rate))
    assert idle[59].steady < (0.2 * rate if rate >= 1 else rate)
    assert idle[-1].steady < 0.001


@given(looks)
def test_no_rate_is_less_than_nothing_or_more_than_was_seen(looks: list[tuple[int, float]]) -> None:
    now, most = Arrivals(), 0.0
    for count, passed in looks:
        now, most = now.after(count, passed), max(most, count / passed)
        for rate in (now.steady, now.quick):
            assert 0 <= rate <= most * (1 + 1e-9)


@given(st.floats(0.05, 1000), st.floats(0.01, 5), st.integers(1, 50))
def test_how_often_anybody_looks_makes_no_difference(rate: float, each: float, times: int) -> None:
    often, once = settled(rate), settled(rate)
    for _ in range(times):
        often = often.after(1, each)
    assert often.quick == pytest.approx(once.after(times, each * times).quick)
