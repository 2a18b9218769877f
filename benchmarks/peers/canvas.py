"""What all plots share: text and lines on light and dark ground, round numbers for axes."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

__all__ = ["WIDTH", "document", "plain", "step", "text"]

WIDTH = 760
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


def document(title: str, height: int, body: str, style: str = "") -> str:
    """The file's text. `style`: rules besides the common ones."""
    label = escape(title, {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{label}">\n<style>{STYLE}{style}</style>\n{body}\n</svg>\n'
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words at a point."""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def step(largest: float, most: int = 6) -> float:
    """1, 2 or 5 times a power of ten, so that `most` of them reach the largest value."""
    power = 10.0 ** math.floor(math.log10(largest / (most - 1)))
    return next(power * times for times in (1, 2, 5, 10) if power * times * most >= largest)


def plain(tick: float) -> str:
    """A tick's number."""
    return f"{tick:,.12g}"
