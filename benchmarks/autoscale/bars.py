"""The bar of every pattern, against KEDA and HPA with their defaults: at least as good in both latency misses and
pod-seconds, and better in one of them by BETTER or more.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.autoscale.figures import Spread
from benchmarks.autoscale.scalers.contestants import DEFAULTS, OWN
from benchmarks.peers.bars import Bar, Verdict

__all__ = ["Table", "judge"]

BETTER = 0.3
Table = Mapping[str, Mapping[str, Mapping[str, Spread]]]  # pattern → scaler → figure → over the seeds


def judge(table: Table) -> list[Bar]:
    """One for each pattern and pair."""
    return [
        _bar(pattern, own, peer, scalers)
        for pattern, scalers in table.items()
        for own in OWN
        for peer in DEFAULTS
        if own in scalers and peer in scalers
    ]


def _bar(pattern: str, own: str, peer: str, scalers: Mapping[str, Mapping[str, Spread]]) -> Bar:
    ours, theirs = scalers[own], scalers[peer]
    late, pods = (_change(ours[name].mean, theirs[name].mean) for name in ("late", "pod seconds"))
    met = late <= 0 and pods <= 0 and min(late, pods) <= -BETTER
    misses = f"late {ours['late'].mean:.2%} to {theirs['late'].mean:.2%} ({late:+.0%})"
    verdict = Verdict.MET if met else Verdict.MISSED
    return Bar(f"{pattern}: {own} against {peer}", f"{misses}, pod-seconds {pods:+.0%}", verdict)


def _change(own: float, peer: float) -> float:
    """Of ours against theirs: -0.3 is 30 % less. From nothing, anything is without bounds more."""
    if peer == 0:
        return 0.0 if own == 0 else float("inf")
    return own / peer - 1
