"""Which phase of a Task may follow which. Pure; the CRD's CEL rule repeats what terminal means."""

from __future__ import annotations

from penstock.resources.phase import TERMINAL, Phase

__all__ = ["TERMINAL", "Phase", "may_follow"]


_P = Phase
_FOLLOWS: dict[Phase, frozenset[Phase]] = {
    # Status writes may be skipped (a short Task goes straight from Pending to its outcome), so every
    # unfinished phase may be followed by any terminal one.
    _P.PENDING: TERMINAL | {_P.BLOCKED, _P.QUEUED, _P.RUNNING, _P.RETRYING},
    _P.BLOCKED: TERMINAL | {_P.PENDING, _P.QUEUED, _P.RUNNING, _P.RETRYING},
    _P.QUEUED: TERMINAL | {_P.RUNNING, _P.RETRYING, _P.BLOCKED},
    # Running → Queued: handed back by a drain, or its worker died.
    _P.RUNNING: TERMINAL | {_P.RETRYING, _P.QUEUED},
    _P.RETRYING: TERMINAL | {_P.RUNNING, _P.QUEUED},
}


def may_follow(old: Phase, new: Phase) -> bool:
    """Whether `new` is a legal next phase within the same run (staying put always is)."""
    return old == new or new in _FOLLOWS.get(old, frozenset())
