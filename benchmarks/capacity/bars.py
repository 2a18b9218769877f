"""The bars, and whether the figures meet them."""

from __future__ import annotations

from benchmarks.capacity.figures import Figures
from benchmarks.peers.bars import Bar, Verdict

__all__ = ["judge"]

FEW, MANY = 5_000, 50_000


def judge(figures: Figures) -> list[Bar]:
    """All of them; one whose figures lack is open."""
    return [
        _ratio(figures, ("sustained", "raw"), 0.6, "Tasks/s over raw create and status patch"),
        _ratio(figures, ("sustained", "jobs"), 20, "Tasks/s over Jobs/s"),
        _at_most(figures, "p50", 30, "ms, p50 of a single Task"),
        _at_most(figures, "p99", 150, "ms, p99 of a single Task"),
        _at_most(figures, f"peak {MANY}", 500, f"MB, an operator's peak with {MANY:,} live Tasks"),
        _cost(figures),
        _at_most(figures, f"restart {MANY}", 30, f"s from the operator's kill to a Task's end, {MANY:,} live Tasks"),
    ]


def _ratio(figures: Figures, names: tuple[str, str], least: float, what: str) -> Bar:
    wanted, (upper, lower) = f"{what} ≥ {least:g}", map(figures.get, names)
    if not upper or not lower:
        return _open(wanted, names)
    return Bar(wanted, f"{upper / lower:.2f} ({upper:,.1f}/s; {lower:,.1f}/s)", _verdict(upper / lower >= least))


def _at_most(figures: Figures, name: str, limit: float, what: str) -> Bar:
    wanted, value = f"≤ {limit:g} {what}", figures.get(name)
    return _open(wanted, (name,)) if value is None else Bar(wanted, f"{value:,.1f}", _verdict(value <= limit))


def _cost(figures: Figures) -> Bar:
    wanted = f"operator CPU of a Task at {MANY:,} live over {FEW:,} ≤ 1.3"
    names = (f"cost {MANY}", f"cost {FEW}")
    many, few = map(figures.get, names)
    if not many or not few:
        return _open(wanted, names)
    costs = f"{many * 1e6:,.0f} µs; {few * 1e6:,.0f} µs"
    return Bar(wanted, f"{many / few:.2f} ({costs})", _verdict(many / few <= 1.3))


def _open(wanted: str, names: tuple[str, ...]) -> Bar:
    return Bar(wanted, "no figure of " + ", ".join(names), Verdict.OPEN)


def _verdict(met: bool) -> Verdict:
    return Verdict.MET if met else Verdict.MISSED
