"""Which task the code that runs now belongs to: children are made its own. Set for each attempt, and seen by all that
it awaits and by its threads.

A child's id follows from its parent's and from the call, so that the next attempt of the parent, which makes the same
call, gets the same child.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar

from penstock.broker.messages import Lease
from penstock.errors import ConfigurationError
from penstock.keys import queue_of, task_id

__all__ = ["Parent", "made_again", "parent", "running"]


async def _at_once() -> None:
    pass


class Parent:
    """One attempt of a task, which may have children. It counts those of its calls that are equal. `claimed` returns
    once the broker knows of its lease: an attempt may start while that is asked for."""

    __slots__ = ("_equal", "claimed", "lease")

    def __init__(self, lease: Lease, claimed: Callable[[], Awaitable[None]] = _at_once) -> None:
        self.lease = lease
        self.claimed = claimed
        self._equal: dict[bytes, Iterator[int]] | None = None  # few have children

    @property
    def id(self) -> str:
        """The task's."""
        return self.lease.id

    def child(self, queue: str, task: str, payload: bytes) -> str:
        """The id of its next child by this call. `payload`: the arguments, before anything seals them."""
        call = hashlib.sha256(b"\0".join((self.id.encode(), queue.encode(), task.encode(), payload)))
        if self._equal is None:
            self._equal = {}
        number = next(self._equal.setdefault(call.digest(), itertools.count()))
        call.update(b"\0%d" % number)
        return task_id(queue, call.hexdigest()[:24])


def made_again(id: str) -> str:
    """The id of the child that takes the place of this one, which came to nothing."""
    unique, _, number = id.removeprefix(f"{queue_of(id)}.").partition("-")
    return task_id(queue_of(id), f"{unique}-{int(number or 1) + 1}")


running: ContextVar[Parent | None] = ContextVar("penstock_running", default=None)


def parent(task: str) -> Parent:
    """The running task, for a child of it. Raises ConfigurationError where none runs."""
    found = running.get()
    if found is None or not found.lease.nonce:  # none; a process of its own or a broadcast, which hold no lease here
        raise ConfigurationError(
            f"{task}: options(child=True) is for calls from inside a task, on the loop or in a thread; here is none"
        )
    return found
