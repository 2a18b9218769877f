from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks.capacity.plot import charts, write

FIGURES = {"raw": 267.0, "sustained": 190.0, "jobs": 1.3, "peak 5000": 150.4, "peak 50000": 412.0}


def test_rates_stand_above_memory() -> None:
    rates, memory = charts(FIGURES)
    assert [(group.label, group.own) for group in rates.groups] == [
        ("API alone", False),
        ("Tasks", True),
        ("Jobs", False),
    ]
    assert [group.label for group in memory.groups] == ["5,000", "50,000"]


def test_the_file_holds_both(tmp_path: Path) -> None:
    [path] = write(FIGURES, tmp_path / "plots" / "capacity.svg")
    ElementTree.parse(path)
    assert path.read_text().count('class="title"') == 2


def test_nothing_measured_draws_nothing(tmp_path: Path) -> None:
    assert write({}, tmp_path / "capacity.svg") == []
