import math

import pytest
from benchmarks.autoscale.figures import Spread, figures, flaps, spread

from tests.unit.benchmarks.autoscale.worlds import world


def test_a_change_back_within_five_minutes_is_a_flap() -> None:
    assert flaps([(0, 0), (10, 1), (20, 3), (200, 2), (320, 3), (700, 1)]) == 2
    assert flaps([(0, 0)]) == 0


def test_lateness_counts_tasks_and_time() -> None:
    one = world([10.0, 12.0, 300.0], 1.0, seconds=400.0)
    one.agenda.at(20.0, lambda: one.deployment.scale(1))
    one.run()
    found = figures(one, 5.0)
    assert found["late"] == pytest.approx(2 / 3)
    assert found["late time"] == pytest.approx((25 - 15) / one.end)  # the two overlap
    assert (found["p50"], found["p99"]) == (13.0, 15.0)
    assert found["pod seconds"] == pytest.approx(one.end - 20)


def test_what_never_ends_is_late_until_the_end() -> None:
    one = world([10.0], 1.0, seconds=100.0)
    one.run()
    found = figures(one, 5.0)
    assert math.isnan(one.work.waits[0])
    assert found["late"] == 1
    assert found["p99"] == one.end - 10


def test_spreads_are_over_the_seeds() -> None:
    assert spread([{"p50": 1.0}, {"p50": 3.0}]) == {"p50": Spread(2.0, 1.0, 3.0)}
