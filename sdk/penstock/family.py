"""Which task the code that runs now belongs to: children are made its own. Set for each attempt, and seen by all that
it awaits and by its threads."""

from __future__ import annotations

from contextvars import ContextVar

from penstock.broker.messages import Lease
from penstock.errors import ConfigurationError

__all__ = ["parent", "running"]

running: ContextVar[Lease | None] = ContextVar("penstock_running", default=None)


def parent(task: str) -> Lease:
    """The running task's lease, for a child of it. Raises ConfigurationError where none runs."""
    lease = running.get()
    if lease is None or not lease.nonce:  # none; a process of its own or a broadcast, which hold no lease here
        raise ConfigurationError(
            f"{task}: options(child=True) is for calls from inside a task, on the loop or in a thread; here is none"
        )
    return lease
