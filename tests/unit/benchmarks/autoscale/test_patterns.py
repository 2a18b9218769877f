from __future__ import annotations

import math
from random import Random

import pytest
from benchmarks.autoscale.patterns.arrivals import along, batches, poisson, renewal
from benchmarks.autoscale.patterns.catalogue import FUNCTIONS, PATTERNS
from benchmarks.autoscale.patterns.curves import DAY, MATCHES, SPIKE, stretched
from benchmarks.autoscale.patterns.pattern import Pattern
from benchmarks.autoscale.patterns.services import around


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
def test_tasks_come_in_order_within_the_pattern_and_a_seed_says_which(pattern: Pattern) -> None:
    arrivals, services = pattern.tasks(1)
    assert arrivals == sorted(arrivals)
    assert 0 <= arrivals[0] <= arrivals[-1] < pattern.seconds
    assert len(services) == len(arrivals) > 100
    assert min(services) > 0
    assert pattern.tasks(1) == (arrivals, services) != pattern.tasks(2)
    assert pattern.source


def test_a_poisson_process_has_its_rate() -> None:
    assert len(poisson(5.0, 10_000.0)(Random(1))) == pytest.approx(50_000, rel=0.02)


def test_a_rate_follows_its_knots() -> None:
    found = along([(0.0, 0.0), (1000.0, 10.0)])(Random(1))
    assert len(found) == pytest.approx(5000, rel=0.05)
    assert sum(came < 500 for came in found) == pytest.approx(1250, rel=0.1)


def test_gaps_have_their_mean_and_variation() -> None:
    found = renewal(10.0, 2.0, 1_000_000.0)(Random(1))
    assert len(found) == pytest.approx(100_000, rel=0.05)


def test_batches_come_at_once() -> None:
    found = batches((10, 10), 100.0, 0.0, 1000.0)(Random(1))
    assert len(found) == 100
    assert len(set(found)) == 10


def test_service_times_have_their_mean() -> None:
    dice, serve = Random(1), around(20.0)
    assert sum(serve(dice) for _ in range(20_000)) / 20_000 == pytest.approx(20.0, rel=0.03)


def test_functions_are_as_published() -> None:
    """Half of them under a second, 96 % under a minute (Serverless in the Wild, section 3.5)."""
    dice = Random(1)
    found = sorted(FUNCTIONS(dice) for _ in range(50_000))
    assert found[25_000] == pytest.approx(math.exp(-0.38), rel=0.05)
    assert sum(one < 60 for one in found) / len(found) == pytest.approx(0.97, abs=0.01)


@pytest.mark.parametrize("curve", [DAY, MATCHES, SPIKE])
def test_curves_are_shares_of_their_peak(curve: tuple[int, ...]) -> None:
    assert max(curve) == 100
    assert min(curve) > 0
    knots = stretched(curve, 10.0, 2.0, start=5.0)
    assert knots[0][0] == 5.0
    assert knots[-1][0] == 5.0 + 10.0 * len(curve)
    assert max(rate for _, rate in knots) == 2.0
