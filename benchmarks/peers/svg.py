"""Horizontal bars as SVG: readable on light and dark ground, values beside them, nothing but text and rectangles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.peers.canvas import WIDTH, document, plain, step, text

__all__ = ["Chart", "Group", "draw"]

LEFT, RIGHT, TOP, BOTTOM = 90, 90, 76, 46  # px around the bars
BAR, GAP, SPACE = 16, 2, 12  # px: a bar, between bars, between groups


@dataclass(frozen=True)
class Group:
    """The bars of one system, one a series; None where nothing was measured. `own` sets it off."""

    label: str
    values: tuple[float | None, ...]
    own: bool = False


@dataclass(frozen=True)
class Chart:
    """What to draw. `unit` names the axis; `digits` are those of the values behind the point."""

    title: str
    unit: str
    series: tuple[str, ...]
    groups: tuple[Group, ...]
    log: bool = False
    digits: int = 0


def draw(*charts: Chart) -> str:
    """The file's text; several charts stand below each other."""
    return document("; ".join(chart.title for chart in charts), sum(map(_whole, charts)), _stacked(charts))


def _stacked(charts: Sequence[Chart]) -> str:
    first, *others = map(_body, charts)
    tops = accumulate(map(_whole, charts))
    return "\n".join(
        [first, *(f'<g transform="translate(0 {y})">\n{body}\n</g>' for y, body in zip(tops, others, strict=False))]
    )


def _body(chart: Chart) -> str:
    return "\n".join([*_head(chart), *_axis(chart, _whole(chart)), *_groups(chart)])


def _whole(chart: Chart) -> int:
    return TOP + sum(_height(group) for group in chart.groups) + BOTTOM


def _height(group: Group) -> int:
    return len(group.values) * (BAR + GAP) - GAP + SPACE


def _head(chart: Chart) -> Iterator[str]:
    yield text(12, 26, chart.title, "title")
    if len(chart.series) < 2:
        return
    x = 12
    for number, name in enumerate(chart.series):
        shade = _shade(number, len(chart.series))
        yield f'<rect x="{x}" y="40" width="12" height="12" class="own" opacity="{shade}"/>'
        yield text(x + 17, 50, name, "small")
        x += 34 + 7 * len(name)


def _axis(chart: Chart, height: int) -> Iterator[str]:
    bottom = height - BOTTOM + 4
    for tick in _ticks(chart):
        x = LEFT + _scaled(chart, tick)
        yield f'<line x1="{x:.0f}" y1="{TOP - 8}" x2="{x:.0f}" y2="{bottom}" class="line"/>'
        yield text(x, bottom + 14, plain(tick), "small", "middle")
    yield text(LEFT, bottom + 32, chart.unit + (", logarithmic" if chart.log else ""), "small")


def _groups(chart: Chart) -> Iterator[str]:
    y = TOP
    for group in chart.groups:
        yield text(LEFT - 8, y + _height(group) / 2 - SPACE / 2 + 5, group.label, "", "end")
        for number, value in enumerate(group.values):
            yield from _bar(chart, group, number, value, y + number * (BAR + GAP))
        y += _height(group)


def _bar(chart: Chart, group: Group, number: int, value: float | None, y: int) -> Iterator[str]:
    if value is None:
        yield text(LEFT + 5, y + BAR - 4, "not measured", "small")
        return
    width = _scaled(chart, value)
    kind, shade = "own" if group.own else "peer", _shade(number, len(group.values))
    yield f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" class="{kind}" opacity="{shade}"/>'
    yield text(LEFT + width + 5, y + BAR - 4, f"{value:,.{chart.digits}f}", "small")


def _shade(number: int, count: int) -> float:
    """The first series is the palest."""
    return round(0.4 + 0.6 * (number + 1) / count, 2)


# --- scale --------------------------------------------------------------------------------------------------------


def _values(chart: Chart) -> list[float]:
    return [value for group in chart.groups for value in group.values if value is not None and value > 0] or [1.0]


def _ticks(chart: Chart) -> Sequence[float]:
    """Round numbers, from 0 (or a power of ten) to the first that is no less than the largest value."""
    values = _values(chart)
    if chart.log:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return [10.0**power for power in range(first, max(last, first + 1) + 1)]
    each = step(max(values))
    return [each * number for number in range(math.ceil(max(values) / each) + 1)]


def _scaled(chart: Chart, value: float) -> float:
    """px from the axis' left end."""
    ticks, room = _ticks(chart), WIDTH - LEFT - RIGHT
    if not chart.log:
        return room * value / ticks[-1]
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return room * (math.log10(max(value, ticks[0])) - low) / (high - low)
