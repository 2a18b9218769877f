"""The bars that Penstock has set itself, and whether the figures meet them.

A bar against the peers is met only with a figure of every peer: a peer that couldn't be measured might be the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.peers.ceiling import Cost, ceiling
from benchmarks.peers.figures import Figures, median
from benchmarks.peers.plan import BACKLOG
from benchmarks.peers.systems import OWN, PEERS

__all__ = ["Bar", "Verdict", "judge"]


class Verdict(StrEnum):
    """How a bar stands."""

    MET = "met"
    MISSED = "missed"
    OPEN = "not measured"


@dataclass(frozen=True)
class Bar:
    """One bar, what was measured against it, and how it stands."""

    wanted: str
    measured: str
    verdict: Verdict


def judge(figures: Figures, *, cores: int) -> list[Bar]:
    """All of them."""
    return [
        _times_fastest(figures, "drain 1", 10, "drain"),
        _times_fastest(figures, "arguments", 15, "drain of tasks with arguments"),
        _traced(figures),
        _times_fastest(figures, "enqueue", 5, "bulk enqueue"),
        _no_worse_than_best(figures, "start 200 p50", "p50 of enqueue → start at 200/s"),
        _no_worse_than_best(figures, "start 200 p99", "p99 of enqueue → start at 200/s"),
        _none_lost(figures),
        _at_most(figures, "start 2000 p99", 5, "ms, p99 of enqueue → start at 2,000/s"),
        _ratio(figures, ("burn 2", "burn 1"), 1.7, "two processes over one, tasks of 1 ms CPU"),
        _ceiling(figures, cores),
        _ratio(figures, ("drain 16", "drain 8"), 1, "16 processes over 8"),
        _ratio(figures, ("backlog", "default"), 0.9, f"a backlog of {BACKLOG} times the tasks over a small one"),
        _at_most(figures, "sleep", 1.03, "times the ideal for tasks that sleep"),
        _at_most(figures, "bytes", 300, "bytes of Redis memory for a queued no-op"),
        _at_most(figures, "rss", 80, "MB of a worker after the drain"),
    ]


# --- against the peers --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Match:
    """Penstock's figure, the best of the peers', and the peers without one."""

    own: float
    best: float
    peer: str
    lacking: tuple[str, ...]

    def bar(self, wanted: str, measured: str, met: bool) -> Bar:
        """Met, missed, or met by all that were measured and so open."""
        if met and self.lacking:
            return _open(wanted, self.lacking)
        return Bar(wanted, measured, _verdict(met))


def _match(figures: Figures, own: str, peers: str, best: Callable[[Iterable[float]], float]) -> _Match | None:
    mine = median(figures, OWN, own)
    found = {peer: value for peer in PEERS if (value := median(figures, peer, peers)) is not None}
    if mine is None or not found:
        return None
    value = best(found.values())
    peer = next(name for name in found if found[name] == value)
    return _Match(mine, value, peer, tuple(name for name in PEERS if name not in found))


def _times_fastest(figures: Figures, name: str, factor: float, what: str) -> Bar:
    wanted = f"{what} ≥ {factor:g} times the fastest peer's"
    match = _match(figures, name, name, max)
    if match is None:
        return _open(wanted, [f"{OWN} or any peer"])
    times = match.own / match.best
    measured = f"{times:.2f} times ({match.own:,.0f}/s; {match.peer} {match.best:,.0f}/s)"
    return match.bar(wanted, measured, times >= factor)


def _traced(figures: Figures) -> Bar:
    wanted = "drain with every trace ≥ 2.5 times the fastest peer's without, no span missing"
    match, missing = _match(figures, "traced 100%", "drain 1", max), _worst(figures, "missing 100%")
    if match is None or missing is None:
        return _open(wanted, [f"{OWN} or any peer"])
    if not missing and _worst(figures, "failed"):  # perhaps because spans held it up
        return _open(wanted, ["a drain that failed"])
    times = match.own / match.best
    measured = f"{times:.2f} times ({match.own:,.0f}/s; {match.peer} {match.best:,.0f}/s), {missing:,.0f} spans missing"
    return match.bar(wanted, measured, times >= 2.5 and not missing)


def _no_worse_than_best(figures: Figures, name: str, what: str) -> Bar:
    wanted = f"{what} ≤ the best peer's"
    match = _match(figures, name, name, min)
    if match is None:
        return _open(wanted, [f"{OWN} or any peer"])
    measured = f"{match.own:.2f} ms; {match.peer} {match.best:.2f} ms"
    return match.bar(wanted, measured, match.own <= match.best)


# --- Penstock alone -----------------------------------------------------------------------------------------------


def _at_most(figures: Figures, name: str, limit: float, what: str) -> Bar:
    wanted, own = f"≤ {limit:g} {what}", median(figures, OWN, name)
    return _open(wanted, [OWN]) if own is None else Bar(wanted, f"{own:,.2f}", _verdict(own <= limit))


def _none_lost(figures: Figures) -> Bar:
    wanted, lost = "no result lost in any drain", _worst(figures, "lost")
    if not lost and _worst(figures, "failed"):  # perhaps because a task was lost
        return _open(wanted, ["a drain that failed"])
    return _open(wanted, [OWN]) if lost is None else Bar(wanted, f"{lost:,.0f}", _verdict(not lost))


def _ratio(figures: Figures, names: tuple[str, str], least: float, what: str) -> Bar:
    wanted, (upper, lower) = f"{what} ≥ {least:g}", (median(figures, OWN, name) for name in names)
    if not upper or not lower:
        return _open(wanted, [OWN])
    return Bar(wanted, f"{upper / lower:.2f} ({upper:,.0f}/s; {lower:,.0f}/s)", _verdict(upper / lower >= least))


def _ceiling(figures: Figures, cores: int) -> Bar:
    wanted = "two processes ≥ 0.85 of what the costs of worker and Redis allow"
    names = ("worker cost", "redis cost", "drain 1", "drain 2")
    worker, redis, one, two = (median(figures, OWN, name) for name in names)
    if not worker or not redis or not one or not two:
        return _open(wanted, [OWN])
    limit = ceiling(Cost(worker, redis, one), processes=2, cores=cores)
    costs = f"{worker * 1e6:.1f} µs worker, {redis * 1e6:.1f} µs Redis a task"
    return Bar(wanted, f"{two / limit:.2f} ({two:,.0f}/s of {limit:,.0f}/s; {costs})", _verdict(two / limit >= 0.85))


def _worst(figures: Figures, name: str) -> float | None:
    """Of all rounds: one span lost in one round is one too many."""
    spread = figures.get(OWN, {}).get(name)
    return spread.high if spread else None


def _open(wanted: str, lacking: Iterable[str]) -> Bar:
    return Bar(wanted, "no figure of " + ", ".join(lacking), Verdict.OPEN)


def _verdict(met: bool) -> Verdict:
    return Verdict.MET if met else Verdict.MISSED
