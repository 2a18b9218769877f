"""What was decided on a pool, and what is remembered of earlier decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Decision", "notable"]

# Reasons that come and go with every task while the count stays: no news by themselves.
ROUTINE = frozenset({"Backlog", "Latency", "WithinTolerance", "WithinObjective", "Stabilizing", "RateLimited"})


def notable(reason: str) -> str:
    """The reason, unless it is routine."""
    return "" if reason in ROUTINE else reason


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas, and why: a CamelCase word for machines, a sentence for people, the figures it was taken from.
    `recommended`: what was aimed at before smoothing and limits."""

    replicas: int
    reason: str
    message: str
    inputs: dict[str, float] = field(default_factory=dict)
    recommended: int = 0

    @property
    def news(self) -> tuple[int, str]:
        """What of it is worth telling when it changes: how many, and why, unless that is routine."""
        return self.replicas, notable(self.reason)
