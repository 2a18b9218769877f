from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
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


def ticks(text: str) -> list[tuple[float, float]]:
    """Where each tick is, px from the axis' left end, and what it says."""
    found = re.findall(r'<text x="(\d+)" [^>]*class="small" text-anchor="middle">([^<]+)<', text)
    return [(float(x) - 90, float(label.replace(",", ""))) for x, label in found]


@given(st.floats(0.001, 1e9))
def test_a_tick_lies_where_a_bar_of_its_value_ends(largest: float) -> None:
    found = ticks(draw(chart(largest)))
    assert found[0] == (0.0, 0.0)
    assert 2 <= len(found) <= 7
    for place, said in found:
        assert place == pytest.approx(580 * said / found[-1][1], abs=1)
    [width] = widths(draw(chart(largest)))
    assert width == pytest.approx(580 * largest / found[-1][1], abs=0.1)


@given(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=5))
def test_ticks_of_a_logarithmic_axis_are_powers_of_ten_equally_far_apart(values: list[float]) -> None:
    found = ticks(draw(chart(*values, log=True)))
    steps = [math.log10(said) for _, said in found]
    assert steps == pytest.approx([round(steps[0]) + number for number in range(len(steps))])
    assert [place for place, _ in found] == pytest.approx(
        [580 * n / (len(found) - 1) for n in range(len(found))], abs=1
    )
    assert found[0][1] <= min(values) * (1 + 1e-9)
    assert max(values) <= found[-1][1] * (1 + 1e-9)


@pytest.mark.parametrize("log", [False, True])
def test_zero_is_a_bar_without_width(log: bool) -> None:
    assert widths(draw(chart(0.0, 5.0, log=log)))[0] == 0
    assert widths(draw(chart(0.0, log=log))) == [0]


def test_the_axis_says_what_it_is() -> None:
    assert ">tasks/s<" in draw(chart(1))
    assert ">tasks/s, logarithmic<" in draw(chart(1, log=True))


def test_values_are_written_with_their_digits() -> None:
    groups = (Group("x", (1_234.567,)),)
    assert ">1,234.57<" in draw(Chart("t", "ms", ("",), groups, digits=2))
    assert ">1,235<" in draw(Chart("t", "ms", ("",), groups))


def test_ours_is_set_off() -> None:
    text = draw(Chart("t", "ms", ("",), (Group("a", (1,), own=True), Group("b", (1,)))))
    assert re.findall(r'height="16" rx="2" class="(\w+)"', text) == ["own", "peer"]


def test_series_are_explained_in_the_shades_of_their_bars() -> None:
    text = draw(Chart("t", "ms", ("p50", "p99"), (Group("a", (1, 2)), Group("b", (None, 2)))))
    assert (text.count(">p50<"), text.count(">p99<")) == (1, 1)
    assert re.findall(r'height="12" class="own" opacity="([\d.]+)"', text) == ["0.7", "1.0"]
    assert re.findall(r'rx="2" class="peer" opacity="([\d.]+)"', text) == ["0.7", "1.0", "1.0"]


def test_one_series_needs_no_explanation() -> None:
    assert 'height="12"' not in draw(chart(1, 2))


@given(st.lists(st.integers(1, 5), max_size=6))
def test_bars_do_not_overlap_and_lie_within_the_picture(sizes: list[int]) -> None:
    text = draw(Chart("t", "ms", ("",) * 5, tuple(Group("x", (1.0,) * size) for size in sizes)))
    tops = [int(y) for y in re.findall(r'y="(\d+)" width="[\d.]+" height="16"', text)]
    assert len(tops) == sum(sizes)
    assert all(later - earlier >= 16 for earlier, later in pairwise(tops))
    assert all(top + 16 < float(ElementTree.fromstring(text).attrib["height"]) for top in tops)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1))
def test_any_words_are_shown_as_they_are(words: str) -> None:
    title, label, unit = (f"{name}:{words}" for name in ("title", "label", "unit"))
    root = ElementTree.fromstring(draw(Chart(title, unit, ("",), (Group(label, (1.0,)),))))
    assert {title, label, unit} <= {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}


def test_several_charts_stand_below_each_other() -> None:
    one, both = draw(chart(1, 2)), draw(chart(1, 2), chart(3))
    root = ElementTree.fromstring(both)
    assert both.count('class="title"') == 2
    assert widths(both)[:2] == widths(one)
    [below] = re.findall(r"translate\(0 (\d+)\)", both)
    assert int(root.attrib["height"]) > int(below) == int(ElementTree.fromstring(one).attrib["height"])
