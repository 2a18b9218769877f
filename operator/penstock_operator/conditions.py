"""Conditions of pools and queues: rows of (type, holds, reason, message) as Kubernetes shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.limits import MESSAGE_LENGTH

__all__ = ["BEING_DELETED", "INVALID", "Row", "complaint", "conditions", "unsupported"]

Row = tuple[str, bool, str, str]
INVALID = "InvalidSpec"
"""The reason of what isn't understood."""
BEING_DELETED = ("Deleted", "it is being deleted: metadata.finalizers keep the object")
"""Reason and message of what nobody wants any more, though another's finalizer keeps it."""


def conditions(rows: Sequence[Row], generation: int, *, old: Manifest, now: float) -> list[Manifest]:
    """The list for a status; `old` is the status before, whose times stay where nothing has changed."""
    return [_condition(row, generation, old, now) for row in rows]


def complaint(problem: str, generation: int, *, old: Manifest, now: float) -> Manifest:
    """The status of an object that isn't understood; its figures stay as they were last."""
    told = conditions([("Ready", False, INVALID, problem)], generation, old=old, now=now)
    return old | {"observedGeneration": generation, "conditions": told}


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
