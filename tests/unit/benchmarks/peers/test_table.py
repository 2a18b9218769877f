from __future__ import annotations

import pytest
from benchmarks.peers.options import Options
from benchmarks.peers.systems import OWN, SYSTEMS
from benchmarks.peers.table import SECTIONS, aligned, tables
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.benchmarks.peers.cases import drained, enqueued, failed, figures, run, timed


def lines(title: str, text: list[str]) -> list[str]:
    """Of the table that begins so, without its title."""
    [found] = [table for table in text if table.startswith(title)]
    return found.splitlines()[1:]


def test_every_figure_of_a_full_run_is_in_a_table() -> None:
    found = figures(*run(Options(rounds=1)))
    shown = {name for section in SECTIONS for name in section.columns.values()}
    assert {name for names in found.values() for name in names} == shown


def test_a_full_run_shows_every_system() -> None:
    text = list(tables(figures(*run(Options(rounds=1)))))
    assert len(text) == len(SECTIONS)
    assert [line.split()[0] for line in lines("no-ops in bulk", text)[1:]] == list(SYSTEMS)


def test_several_rounds_show_their_lowest_and_highest() -> None:
    found = figures(*(drained(OWN, rate, number=number) for number, rate in enumerate((1_000, 4_000, 2_000), start=1)))
    heading, line = lines("no-ops in bulk", list(tables(found)))
    assert heading.split() == ["enqueue", "drain"]
    assert line.endswith("  2,000 (1,000 to 4,000)")


def test_what_was_not_measured_is_a_dash_beside_what_was() -> None:
    _, line = lines("no-ops in bulk", list(tables(figures(enqueued("arq", 2_000)))))
    assert line.split() == ["arq", "2,000", "-"]


def test_there_is_no_table_without_figures() -> None:
    assert list(tables(figures(failed(OWN)))) == []
    assert len(list(tables(figures(timed(OWN, 0.3, 0.9))))) == 3


def test_units() -> None:
    text = list(tables(figures(drained(OWN, 1_000, rss=63.44), timed(OWN, 0.3, 0.987))))
    assert lines("CPU of a no-op", text)[1].split() == [OWN, "10.0", "10.0"]  # 0.2 s of 20,000 tasks each
    assert lines("memory after the drain", text)[1].split() == [OWN, "63.4"]
    assert lines("enqueue → start at 200/s", text)[1].split() == [OWN, "0.30", "0.64", "0.99"]


words = st.text("abcdefgh", min_size=1, max_size=9)


@given(st.integers(1, 4).flatmap(lambda size: st.lists(st.lists(words, min_size=size, max_size=size), min_size=1)))
def test_cells_lie_under_each_other(cells: list[list[str]]) -> None:
    shown = aligned(cells).splitlines()
    assert [line.split() for line in shown] == cells
    if len(cells[0]) > 1:
        assert len({len(line) for line in shown}) == 1


@pytest.mark.parametrize(("left", "expected"), [(1, "  a    1\n  bb  22"), (2, "  a   1\n  bb  22")])
def test_the_first_columns_are_to_the_left(left: int, expected: str) -> None:
    assert aligned([["a", "1"], ["bb", "22"]], left=left) == expected
