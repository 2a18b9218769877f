from __future__ import annotations

from benchmarks.peers.figures import Spread, median
from benchmarks.peers.systems import OWN

from tests.unit.benchmarks.peers.cases import TASKS, drained, failed, figures, timed, traced


def test_a_figure_is_the_median_over_its_rounds() -> None:
    found = figures(*(drained(OWN, rate, number=number) for number, rate in enumerate((100, 900, 200), start=1)))
    spread = found[OWN]["drain 1"]
    assert (round(spread.median), round(spread.low), round(spread.high), spread.rounds) == (200, 100, 900, 3)


def test_a_failed_measurement_gives_no_figure() -> None:
    assert median(figures(failed("celery")), "celery", "drain 1") is None
    found = figures(drained(OWN, 100), failed(OWN))
    assert found[OWN]["drain 1"].rounds == 1


def test_enqueueing_and_memory_are_taken_from_plain_drains_by_one_process() -> None:
    assert "enqueue" in figures(drained(OWN, 100))[OWN]
    assert "enqueue" not in figures(drained(OWN, 100, processes=2))[OWN]
    assert "enqueue" not in figures(traced(100))[OWN]


def test_traces_of_which_nothing_arrived_lack_all_their_spans() -> None:
    assert median(figures(traced(100, traces=TASKS - 2)), OWN, "missing 100%") == 2 * 4


def test_latencies_have_names_of_their_rate() -> None:
    found = figures(timed(OWN, 0.3, 0.9))[OWN]
    assert found["start 200 p50"] == Spread(0.3, 0.3, 0.3, 1)
    assert found["start 2000 p99"].median == found["result p99"].median == 0.9
