from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.drain import Drain, Work
from benchmarks.peers.figures import Row
from benchmarks.peers.latency import Latency
from benchmarks.peers.notes import notes
from benchmarks.peers.options import Options
from benchmarks.peers.plan import Case
from benchmarks.peers.systems import OWN, SYSTEMS

from tests.unit.benchmarks.peers.cases import TASKS, drained, enqueued, failed, run, taken, timed, traced, work

OPTIONS = Options(systems=(OWN, "arq"))


def said(*rows: Row) -> list[str]:
    """Of the rows alone."""
    return list(notes(rows, OPTIONS))[len(OPTIONS.systems) :]


def worked(found: Work, *, processes: int = 1) -> Row:
    return Row(2, Case(OWN, "noop", TASKS, 100, processes), Drain(TASKS, 0.5, 250.0, found))


def test_each_system_tells_how_it_was_set_up() -> None:
    assert list(notes([], OPTIONS)) == [f"{name}: {SYSTEMS[name].settings}" for name in (OWN, "arq")]


def test_what_went_as_asked_for_needs_no_note() -> None:
    assert said(drained(OWN, 1_000), timed("arq", 0.4, 0.9), enqueued("arq", 2_000)) == []


def test_of_a_full_run_only_spans_are_told() -> None:
    assert all("spans expected" in note for note in list(notes(run(Options()), Options()))[len(SYSTEMS) :])


def test_a_failure_is_told_with_its_place() -> None:
    assert said(failed("arq")) == ["round 1, arq: 20,000 noop, processes: 1: NOT MEASURED: it did not start"]


def test_fewer_tasks_than_asked_for() -> None:
    [note] = said(taken(1, Case("arq", "noop", 600, 100, 4)))
    assert "fewer tasks than the 20,000" in note
    assert said(taken(1, Case(OWN, "nap", 5_000, 1_000))) == []


def test_processes_without_work_losses_and_repeats() -> None:
    assert said(worked(work(1_000, processes=3), processes=4))[0].endswith("only 3 processes got any task")
    assert said(worked(work(1_000, lost=1_234)))[0].endswith("LOST 1,234 results")
    assert said(worked(replace(work(1_000), started=TASKS + 7)))[0].endswith("7 functions were started once more")


def test_spans_are_told_in_any_case() -> None:
    [note] = said(traced(1_000, traces=10, missing=2))
    assert "10 traces: 40 spans expected, 2 missing" in note


def test_a_caller_that_fell_behind_its_rate() -> None:
    row = timed("arq", 0.4, 0.9)
    assert isinstance(row.outcome, Latency)
    kept, late = row.outcome.opened
    outcome = replace(row.outcome, opened=(kept, replace(late, achieved=1_234.0, late_p99_ms=56.0)))
    [note] = said(replace(row, outcome=outcome))
    assert note.endswith("the caller kept 1,234 of 2,000 calls/s, 56 ms behind (p99)")
