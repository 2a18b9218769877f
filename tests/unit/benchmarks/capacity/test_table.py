from __future__ import annotations

from benchmarks.capacity.figures import Found
from benchmarks.capacity.table import levels, tables

FIGURES = {"raw": 267.0, "p50": 10.0, "peak 5000": 150.4, "peak 50000": 412.0, "cost 50000": 0.0023}


def test_levels_are_those_with_a_figure_in_order() -> None:
    assert levels(FIGURES) == [5_000, 50_000]


def test_what_was_measured_shows_and_what_lacks_is_a_dash() -> None:
    text = "\n".join(tables({}, FIGURES))
    assert "267.0" in text
    assert "Jobs" not in text
    [small] = [line for line in text.splitlines() if line.strip().startswith("5,000")]
    assert small.split() == ["5,000", "150", "-"]
    assert "2,300" in text


def test_a_stage_that_failed_says_why() -> None:
    assert "batch: NOT MEASURED: no such kind\n" in list(tables({"batch": Found(error="no such kind")}, {}))
