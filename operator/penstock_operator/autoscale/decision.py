"""What was decided on a pool, and what is remembered of earlier decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Decision"]


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas, and why: a CamelCase word for machines, a sentence for people, the figures it was taken from.
    `recommended`: what was aimed at before smoothing and limits."""

    replicas: int
    reason: str
    message: str
    inputs: dict[str, float] = field(default_factory=dict)
    recommended: int = 0
