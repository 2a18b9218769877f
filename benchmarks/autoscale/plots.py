"""The plots that the documentation shows: of each pattern the load, what waits, and the pods; of the first seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.run import Outcome
from benchmarks.autoscale.timeline import Line, Panel, draw

__all__ = ["write"]

FOLDER = Path("docs/plots")
STEPS = 240
SHADES = {"penstock": 1, "keda": 2, "keda-length": 3, "hpa": 4}


def write(outcomes: Sequence[Outcome], folder: Path = FOLDER) -> list[Path]:
    """Draw what was run; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(pattern, runs, folder) for pattern, runs in _patterns(outcomes)]


def _patterns(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    for pattern in dict.fromkeys(one.pattern for one in outcomes):
        runs = [one for one in outcomes if (one.pattern, one.seed) == (pattern, 0) and one.scaler in SHADES]
        if runs:
            yield pattern, sorted(runs, key=lambda one: -SHADES[one.scaler])  # ours on top


def _write(pattern: str, runs: Sequence[Outcome], folder: Path) -> Path:
    path, what = folder / f"autoscale-{pattern}.svg", PATTERNS[pattern]
    path.write_text(draw(what.title, what.seconds, _panels(runs, what.seconds)))
    return path


def _panels(runs: Sequence[Outcome], seconds: float) -> list[Panel]:
    waiting = [
        Line(one.scaler, _means([(sample.at, sample.waiting) for sample in one.samples], seconds), SHADES[one.scaler])
        for one in runs
    ]
    pods = [
        Line(one.scaler, _means([(sample.at, sample.pods) for sample in one.samples], seconds), SHADES[one.scaler])
        for one in runs
    ]
    return [
        Panel("arrivals, tasks a second", [Line("", _rate(runs[0].arrivals, seconds), 0)]),
        Panel("waiting tasks", waiting),
        Panel("pods", pods),
    ]


def _rate(arrivals: Sequence[float], seconds: float) -> list[float]:
    counts, width = [0] * STEPS, seconds / STEPS
    for came in arrivals:
        counts[min(STEPS - 1, int(came / width))] += 1
    return [count / width for count in counts]


def _means(samples: Sequence[tuple[float, int]], seconds: float) -> list[float]:
    """Of the samples of each step."""
    steps: list[list[int]] = [[] for _ in range(STEPS)]
    for at, value in samples:
        if at < seconds:
            steps[int(at / seconds * STEPS)].append(value)
    return [sum(found) / len(found) if found else 0.0 for found in steps]
