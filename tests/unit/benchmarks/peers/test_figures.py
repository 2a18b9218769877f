from __future__ import annotations

from benchmarks.peers.drain import Drain
from benchmarks.peers.figures import Row, Spread, median
from benchmarks.peers.plan import Case
from benchmarks.peers.sink import Spans
from benchmarks.peers.systems import OWN
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.benchmarks.peers.cases import (
    TASKS,
    burned,
    drained,
    enqueued,
    failed,
    figures,
    napped,
    timed,
    traced,
    work,
    written,
)


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


def test_enqueueing_alone_gives_no_figure_of_a_drain() -> None:
    assert set(figures(enqueued("arq", 2_000))["arq"]) == {"enqueue", "bytes"}
    assert median(figures(enqueued("arq", 2_000, size=164.0)), "arq", "bytes") == 164.0


def test_other_functions_have_names_of_their_own() -> None:
    found = figures(drained(OWN, 100), drained(OWN, 150, processes=8), burned(90, 2), napped(1.02))[OWN]
    medians = {name: round(found[name].median, 2) for name in ("drain 1", "drain 8", "burn 2", "sleep")}
    assert medians == {"drain 1": 100, "drain 8": 150, "burn 2": 90, "sleep": 1.02}


def test_tasks_as_written_have_the_names_of_their_cases() -> None:
    rows = (written(name, OWN, 1_000) for name in ("default", "arguments", "model", "thread"))
    found = figures(*rows, written("backlog", OWN, 900, tasks=50 * TASKS))[OWN]
    names = {"default", "arguments", "model", "thread", "backlog"}
    assert set(found) == names | {f"enqueue {name}" for name in names} | {"lost"}
    assert (round(found["thread"].median), round(found["backlog"].median)) == (1_000, 900)


def test_costs_and_memory_are_taken_from_the_plain_drain() -> None:
    assert figures(drained(OWN, 100, rss=64.0))[OWN]["rss"].median == 64.0
    assert figures(drained(OWN, 100))[OWN]["worker cost"].median == 0.2 / TASKS
    others = (drained(OWN, 100, processes=2), burned(90, 1), napped(1.0), traced(80))
    assert not {"rss", "worker cost", "redis cost"} & set(figures(*others)[OWN])


def test_of_a_sample_of_traces_those_that_did_not_arrive_lack_nothing() -> None:
    case = Case(OWN, "noop", TASKS, 100, traces=0.01)
    row = Row(1, case, Drain(TASKS, 0.5, 250.0, work(100), Spans(200, {}, 3, 0)))
    assert median(figures(row), OWN, "missing 1%") == 3
    assert median(figures(row), OWN, "traced 1%") == 100


def test_every_drain_tells_what_it_lost() -> None:
    rows = (drained(OWN, 100, lost=2), drained(OWN, 100, processes=4), traced(100), napped(1.0), burned(90, 1))
    assert figures(*rows)[OWN]["lost"] == Spread(0, 0, 2, 5)


def test_failed_drains_are_counted() -> None:
    rows = (drained(OWN, 100), failed(OWN), failed(OWN, processes=2), failed(OWN, function="latency"))
    assert figures(*rows)[OWN]["failed"].rounds == 2
    assert "failed" not in figures(drained(OWN, 100))[OWN]


def test_systems_are_kept_apart() -> None:
    found = figures(drained(OWN, 100), drained("arq", 10), drained("arq", 30, number=2))
    assert (found[OWN]["drain 1"].median, round(found["arq"]["drain 1"].median)) == (100, 20)
    assert median(found, "saq", "drain 1") is None


@given(st.lists(st.floats(0.001, 1e6), min_size=1))
def test_a_spread_holds_its_median(values: list[float]) -> None:
    found = Spread.of(values)
    assert found.low <= found.median <= found.high
    assert (found.low, found.high, found.rounds) == (min(values), max(values), len(values))
