"""Horizontal bars as SVG: readable on light and dark ground, values beside them, nothing but text and rectangles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from xml.sax.saxutils import escape

__all__ = ["Chart", "Group", "draw"]

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 90, 90, 76, 46  # px around the bars
BAR, GAP, SPACE = 16, 2, 12  # px: a bar, between bars, between groups
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .line { stroke: #d0d7de; stroke-width: 1 }
  .own { fill: #0969da } .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .line { stroke: #3d444d }
    .own { fill: #4493f8 } .peer { fill: #6e7681 }
  }
"""


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
    height = sum(map(_whole, charts))
    title = escape("; ".join(chart.title for chart in charts), {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{title}">\n<style>{STYLE}</style>\n{_stacked(charts)}\n</svg>\n'
    )


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


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _head(chart: Chart) -> Iterator[str]:
    yield _text(12, 26, chart.title, "title")
    if len(chart.series) < 2:
        return
    x = 12
    for number, name in enumerate(chart.series):
        shade = _shade(number, len(chart.series))
        yield f'<rect x="{x}" y="40" width="12" height="12" class="own" opacity="{shade}"/>'
        yield _text(x + 17, 50, name, "small")
        x += 34 + 7 * len(name)


def _axis(chart: Chart, height: int) -> Iterator[str]:
    bottom = height - BOTTOM + 4
    for tick in _ticks(chart):
        x = LEFT + _scaled(chart, tick)
        yield f'<line x1="{x:.0f}" y1="{TOP - 8}" x2="{x:.0f}" y2="{bottom}" class="line"/>'
        yield _text(x, bottom + 14, _plain(tick), "small", "middle")
    yield _text(LEFT, bottom + 32, chart.unit + (", logarithmic" if chart.log else ""), "small")


def _groups(chart: Chart) -> Iterator[str]:
    y = TOP
    for group in chart.groups:
        yield _text(LEFT - 8, y + _height(group) / 2 - SPACE / 2 + 5, group.label, "", "end")
        for number, value in enumerate(group.values):
            yield from _bar(chart, group, number, value, y + number * (BAR + GAP))
        y += _height(group)


def _bar(chart: Chart, group: Group, number: int, value: float | None, y: int) -> Iterator[str]:
    if value is None:
        yield _text(LEFT + 5, y + BAR - 4, "not measured", "small")
        return
    width = _scaled(chart, value)
    kind, shade = "own" if group.own else "peer", _shade(number, len(group.values))
    yield f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" class="{kind}" opacity="{shade}"/>'
    yield _text(LEFT + width + 5, y + BAR - 4, f"{value:,.{chart.digits}f}", "small")


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
    step = _step(max(values))
    return [step * number for number in range(math.ceil(max(values) / step) + 1)]


def _step(largest: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are at most six."""
    power = 10.0 ** math.floor(math.log10(largest / 5))
    return next(power * times for times in (1, 2, 5, 10) if power * times * 6 >= largest)


def _scaled(chart: Chart, value: float) -> float:
    """px from the axis' left end."""
    ticks, room = _ticks(chart), WIDTH - LEFT - RIGHT
    if not chart.log:
        return room * value / ticks[-1]
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return room * (math.log10(max(value, ticks[0])) - low) / (high - low)


def _plain(tick: float) -> str:
    return f"{tick:,.12g}"
