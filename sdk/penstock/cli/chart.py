"""Columns in a terminal: what was, from left to right, in eighths of a character's height, or in plain ASCII. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ASCII", "BLOCKS", "Ink", "columns", "drawn"]

EIGHTHS = 8
SCALE = 5  # characters


@dataclass(frozen=True, slots=True)
class Ink:
    """What it is drawn with: `fill` from the least to a whole cell, a `mark` above, what isn't known, and the frame."""

    fill: str
    mark: str
    unknown: str
    side: str
    floor: str


BLOCKS = Ink("▁▂▃▄▅▆▇█", "╌", "·", "│", "─")
ASCII = Ink("....####", "-", "?", "|", "-")


def columns(
    figures: Sequence[tuple[float, float | None]], step: float, start: float, end: float, width: int
) -> list[float | None]:
    """The most in each of `width` equal spans between two times; a figure holds for `step` from its time on. None where
    none is known."""
    span = (end - start) / width
    edges = [start + span * place for place in range(width)]
    return [_most(figures, edge - step, edge + span) for edge in edges]


def _most(figures: Sequence[tuple[float, float | None]], after: float, before: float) -> float | None:
    known = [figure for at, figure in figures if after < at < before and figure is not None]
    return max(known, default=None)


def drawn(
    values: Sequence[float | None], *, ink: Ink, height: int, marks: Sequence[float | None] = (), left: str, right: str
) -> list[str]:
    """The rows, from the top: a scale from 0, columns of `values`, and above them `marks`; below, the times."""
    top = max([1.0, *(value for value in (*values, *marks) if value is not None)])
    lines = list(marks) or [None] * len(values)
    rows = [
        "".join(_cell(value, mark, row, top / height, ink) for value, mark in zip(values, lines, strict=True))
        for row in reversed(range(height))
    ]
    scale = [_short(top), *[""] * (height - 2), "0"]
    framed = [f"{said:>{SCALE}} {ink.side}{row}" for said, row in zip(scale, rows, strict=True)]
    gap = " " * max(1, len(values) - len(left) - len(right))
    margin = " " * (SCALE + 1)
    return [*framed, f"{margin}{ink.side}{ink.floor * len(values)}", f"{margin} {left}{gap}{right}"]


def _short(figure: float) -> str:
    """In three digits: 12.5, 999, 1.25k."""
    for suffix in ("", "k", "M"):
        if round(figure) < 1000:
            return f"{figure:.3g}{suffix}"
        figure /= 1000
    return f"{figure:.3g}G"


def _cell(value: float | None, mark: float | None, row: int, unit: float, ink: Ink) -> str:
    """One character: `row` from below, each so many units high."""
    if value is None:
        return ink.unknown if row == 0 else " "
    eighths = round((value / unit - row) * EIGHTHS)
    if row == 0 and value > 0:
        eighths = max(1, eighths)  # little isn't nothing
    if eighths > 0:
        return ink.fill[min(eighths, EIGHTHS) - 1]
    marked = mark is not None and mark > value and row < mark / unit <= row + 1
    return ink.mark if marked else " "
