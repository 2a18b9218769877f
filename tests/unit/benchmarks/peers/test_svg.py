from __future__ import annotations

import re
from xml.etree import ElementTree

from benchmarks.peers.svg import Chart, Group, draw
from hypothesis import given
from hypothesis import strategies as st


def widths(text: str) -> list[float]:
    """Of the bars, px."""
    return [float(width) for width in re.findall(r'width="([\d.]+)" height="16"', text)]


def chart(*values: float | None, log: bool = False) -> Chart:
    groups = tuple(Group(f"system {number}", (value,)) for number, value in enumerate(values))
    return Chart("A & B", "tasks/s", ("one",), groups, log=log)


@given(st.lists(st.floats(0.01, 1e7), min_size=2, max_size=8), st.booleans())
def test_longer_bars_are_larger_values_and_all_fit(values: list[float], log: bool) -> None:
    text = draw(chart(*values, log=log))
    ElementTree.fromstring(text)
    found = widths(text)
    assert all(0 <= width <= 580.1 for width in found)
    assert [w for _, w in sorted(zip(values, found, strict=True))] == sorted(found)


def test_linear_bars_are_in_proportion() -> None:
    half, whole = widths(draw(chart(500, 1_000)))
    assert whole == 2 * half


def test_what_was_not_measured_says_so() -> None:
    text = draw(chart(1, None))
    assert (len(widths(text)), text.count("not measured")) == (1, 1)
