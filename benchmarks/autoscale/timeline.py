"""Lines over time as SVG: panels below each other with one axis of time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers.canvas import WIDTH, document, plain, step, text

__all__ = ["Line", "Panel", "draw"]

LEFT, RIGHT, TOP, BOTTOM = 64, 20, 72, 40  # px around the panels
HEIGHT, SPACE = 120, 34  # px: a panel, between panels
# One colour a line, in the order of `Line.shade`: ours strong, the others apart from each other.
LIGHT, DARK = (
    ("#57606a", "#0969da", "#cf222e", "#bf8700", "#8c959f"),
    ("#9198a1", "#4493f8", "#f85149", "#d29922", "#6e7681"),
)


def _rules(colours: Sequence[str]) -> str:
    return " ".join(f".l{number} {{ stroke: {colour} }}" for number, colour in enumerate(colours))


STYLE = (
    f"  polyline {{ fill: none; stroke-width: 1.3; stroke-linejoin: round }} {_rules(LIGHT)}\n"
    f"  @media (prefers-color-scheme: dark) {{ {_rules(DARK)} }}\n"
)


@dataclass(frozen=True)
class Line:
    """Values at equal steps of time. `shade`: which colour."""

    label: str
    values: Sequence[float]
    shade: int


@dataclass(frozen=True)
class Panel:
    """Lines that share an axis."""

    title: str
    lines: Sequence[Line]


def draw(title: str, seconds: float, panels: Sequence[Panel]) -> str:
    """The file's text. Each panel's lines run over `seconds`."""
    height = TOP + len(panels) * (HEIGHT + SPACE) - SPACE + BOTTOM
    parts = [text(12, 26, title, "title"), *_legend(panels)]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TOP + number * (HEIGHT + SPACE))
    return document(title, height, "\n".join([*parts, *_time(seconds, height - BOTTOM)]), STYLE)


def _legend(panels: Sequence[Panel]) -> Iterator[str]:
    """Every label once."""
    x = 12
    for label, shade in {line.label: line.shade for panel in panels for line in panel.lines if line.label}.items():
        yield f'<polyline points="{x},42 {x + 16},42" class="l{shade}"/>'
        yield text(x + 21, 46, label, "small")
        x += 40 + 7 * len(label)


def _panel(panel: Panel, top: float) -> Iterator[str]:
    highest = max((max(line.values, default=0.0) for line in panel.lines), default=0.0) or 1.0
    each = step(highest, 4)
    most = each * math.ceil(round(highest / each, 9))
    yield text(LEFT, top - 6, panel.title, "small")
    for tick in range(round(most / each) + 1):
        y = top + HEIGHT * (1 - tick * each / most)
        yield f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH - RIGHT}" y2="{y:.0f}" class="line"/>'
        yield text(LEFT - 6, y + 4, plain(tick * each), "small", "end")
    yield from (_drawn(line, top, most) for line in panel.lines)


def _drawn(line: Line, top: float, most: float) -> str:
    room = (WIDTH - LEFT - RIGHT) / max(1, len(line.values) - 1)
    points = (
        f"{LEFT + number * room:.0f},{top + HEIGHT * (1 - value / most):.1f}"
        for number, value in enumerate(line.values)
    )
    return f'<polyline points="{" ".join(points)}" class="l{line.shade}"/>'


def _time(seconds: float, y: float) -> Iterator[str]:
    unit, name = (3600.0, "hours") if seconds > 3 * 3600 else (60.0, "minutes")
    each = step(seconds / unit, 8)
    for number in range(math.floor(seconds / unit / each) + 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * number * each * unit / seconds
        yield text(x, y + 16, plain(number * each), "small", "middle")
    yield text(LEFT, y + 32, name, "small")
