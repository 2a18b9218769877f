from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks.peers.figures import Row
from benchmarks.peers.options import Options
from benchmarks.peers.plots import charts, write
from benchmarks.peers.svg import Chart
from benchmarks.peers.systems import OWN, SYSTEMS

from tests.unit.benchmarks.peers.cases import drained, enqueued, failed, figures, run, timed


def chart(name: str, *rows: Row) -> Chart:
    return dict(charts(figures(*rows)))[name]


def labels(found: Chart) -> list[str]:
    return [group.label for group in found.groups]


def test_a_full_run_draws_every_system_everywhere(tmp_path: Path) -> None:
    found = figures(*run(Options(rounds=1)))
    drawn = write(found, tmp_path / "plots")
    assert [path.name for path in drawn] == ["enqueue.svg", "drain.svg", "scale.svg", "latency.svg"]
    for path in drawn:
        ElementTree.fromstring(path.read_text())
    assert {frozenset(labels(chart)) for _, chart in charts(found)} == {frozenset(SYSTEMS)}


def test_nothing_is_drawn_of_what_was_not_measured(tmp_path: Path) -> None:
    assert write({}, tmp_path) == []
    assert [path.name for path in write(figures(timed(OWN, 0.3, 0.9)), tmp_path)] == ["latency.svg"]


def test_the_most_tasks_a_second_come_first() -> None:
    found = chart("drain", drained("arq", 500), drained(OWN, 50_000), drained("saq", 800), enqueued("celery", 9))
    assert labels(found) == [OWN, "saq", "arq"]
    assert [group.own for group in found.groups] == [True, False, False]
    assert (found.unit, found.log, found.digits) == ("tasks/s", False, 0)


def test_the_shortest_latency_comes_first() -> None:
    found = chart("latency", timed("arq", 5.0, 7.0), timed(OWN, 0.4, 9.0), timed("saq", 0.5, 0.6))
    assert labels(found) == [OWN, "saq", "arq"]
    assert found.groups[0].values == (0.4, 9.0)
    assert (found.unit, found.log, found.digits) == ("ms", True, 2)


def test_a_system_without_its_first_figure_is_shown_last() -> None:
    rows = (failed("arq"), drained("arq", 900, processes=16), drained("saq", 100))
    found = chart("scale", *rows)
    assert labels(found) == ["saq", "arq"]
    assert list(found.groups[1].values) == [None, None, None, None, 900]
    assert labels(chart("drain", *rows)) == ["saq"]


def test_processes_are_named() -> None:
    assert chart("scale").series == ("1 process", "2 processes", "4 processes", "8 processes", "16 processes")
