"""Conditions of pools and queues: rows of (type, holds, reason, message) as Kubernetes shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.kube import Manifest
from penstock.report import moment

__all__ = ["INVALID", "Row", "conditions", "unsupported"]

Row = tuple[str, bool, str, str]
INVALID = "InvalidSpec"
"""The reason of what isn't understood."""
MESSAGE_LENGTH = 4096  # the schema's


def conditions(rows: Sequence[Row], generation: int, *, old: Manifest, now: float) -> list[Manifest]:
    """The list for a status; `old` is the status before, whose times stay where nothing has changed."""
    return [_condition(row, generation, old, now) for row in rows]


def unsupported(fields: Sequence[str]) -> Row:
    """Whether all that the spec asks for is acted on; silence about it would be worse than the lack."""
    message = f"stored, but not acted on by this version: {', '.join(fields)}" if fields else ""
    return ("Enforced", not fields, "NotSupportedYet" if fields else "AllFields", message)


def _condition(row: Row, generation: int, old: Manifest, now: float) -> Manifest:
    type, holds, reason, message = row
    status = "True" if holds else "False"
    before = next((c for c in old.get("conditions", ()) if c["type"] == type), None)
    since = before["lastTransitionTime"] if before and before["status"] == status else moment(now)
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message[:MESSAGE_LENGTH],
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
