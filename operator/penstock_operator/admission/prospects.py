"""What a Task in its queue waits for, where that isn't just its turn. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["TURN", "Outlook", "Prospect", "prospect"]


@dataclass(frozen=True, slots=True)
class Prospect:
    """As the Task's condition says it; without a message, all is well."""

    reason: str
    message: str = ""


NAMED = 10  # of the other queues; a message isn't a list
TURN = Prospect("Queued")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a queue. `served`: by a WorkerPool; `trouble` is what keeps one of these from working. `known`:
    the queues of the namespace, by its pools and TaskQueues. Workers outside of a pool aren't known here."""

    paused: bool = False
    served: bool = False
    trouble: str = ""
    known: Collection[str] = ()


def prospect(queue: str, outlook: Outlook) -> Prospect:
    """1. a pause, 2. nobody serves it, 3. who does can't start."""
    if outlook.paused:
        return Prospect("QueuePaused", f"TaskQueue {queue} is paused: set its spec.paused to false")
    if not outlook.served:
        return Prospect("QueueNotServed", f"no WorkerPool of this namespace serves it{_hint(queue, outlook.known)}")
    return Prospect("WorkersCannotStart", outlook.trouble) if outlook.trouble else TURN


def _hint(queue: str, known: Collection[str]) -> str:
    others = sorted(set(known) - {queue})
    if near := difflib.get_close_matches(queue, others, 1):
        return f": did you mean {near[0]}?"
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return f" (there are: {', '.join(others[:NAMED])}{more})" if others else ""
