"""Every Redis key and channel, and the shape of a task's id. Nothing else builds one.

One queue of one namespace lives under one hash tag, so all its keys share a slot of Redis Cluster and one
ACL pattern (`penstock:{NAMESPACE/*`) covers a tenant:

    penstock:{NS/QUEUE}:stream:PRIORITY   stream  ready tasks, consumer group `workers`
    penstock:{NS/QUEUE}:delayed           zset    id → due, ms since the epoch by Redis' clock
    penstock:{NS/QUEUE}:held              hash    id → envelope of a delayed or parked task
    penstock:{NS/QUEUE}:parked            zset    id → since when no live worker knew its name, ms
    penstock:{NS/QUEUE}:outbox            hash    id → outcome not yet written to its resource
    penstock:{NS/QUEUE}:dead              stream  dead letters
    penstock:{NS/QUEUE}:config            string  the TaskQueue's settings, written by the operator
    penstock:{NS/QUEUE}:task:UNIQUE       hash    one task's record; the only dynamic name, always with a TTL
    penstock:{NS/QUEUE}:control, :done    channels: cancellations; outcomes that somebody waits for
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from penstock.errors import ConfigurationError

__all__ = ["GROUP", "PRIORITIES", "Priority", "QueueKeys", "checked_queue", "queue_of", "task_id"]

Priority = Literal["critical", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
GROUP = "workers"
_QUEUE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


def checked_queue(queue: str) -> str:
    """The name, if it may be one: it becomes part of keys and ids. Raises ConfigurationError."""
    if not _QUEUE_NAME.fullmatch(queue):
        raise ConfigurationError(
            f"queue {queue!r}: use up to 63 lower-case letters, digits, '-' and '_', a letter or digit at both ends"
        )
    return queue


def task_id(queue: str, unique: str) -> str:
    """The id that the rest of the system passes around; the queue in front routes it."""
    return f"{queue}/{unique}"


def queue_of(task_id: str) -> str:
    """The queue that an id belongs to."""
    queue, slash, unique = task_id.partition("/")
    if not (queue and slash and unique):
        raise ConfigurationError(f"task id {task_id!r} isn't QUEUE/UNIQUE; pass the id of a handle as it is")
    return queue


@dataclass(frozen=True)
class QueueKeys:
    """The keys of one queue in one namespace."""

    namespace: str
    queue: str

    @cached_property
    def prefix(self) -> str:
        """What all keys of the queue start with."""
        return f"penstock:{{{self.namespace}/{self.queue}}}:"

    @cached_property
    def streams(self) -> tuple[str, ...]:
        """One stream a priority, most urgent first."""
        return tuple(f"{self.prefix}stream:{priority}" for priority in PRIORITIES)

    @cached_property
    def delayed(self) -> str:
        """Ids by due time."""
        return self.prefix + "delayed"

    @cached_property
    def parked(self) -> str:
        """Ids of tasks whose name no live worker knows."""
        return self.prefix + "parked"

    @cached_property
    def held(self) -> str:
        """Envelopes of delayed and parked tasks."""
        return self.prefix + "held"

    @cached_property
    def outbox(self) -> str:
        """Outcomes on their way to the API server."""
        return self.prefix + "outbox"

    @cached_property
    def dead(self) -> str:
        """Dead letters."""
        return self.prefix + "dead"

    @cached_property
    def config(self) -> str:
        """The TaskQueue's settings."""
        return self.prefix + "config"

    @cached_property
    def control(self) -> str:
        """Channel: ids to cancel."""
        return self.prefix + "control"

    @cached_property
    def done(self) -> str:
        """Channel: ids whose outcome somebody waits for."""
        return self.prefix + "done"

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """The set that may stay for ever."""
        return (*self.shared, self.config)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """What every function of the library gets as its first keys, in the order of `shared.lua`."""
        return (*self.streams, self.delayed, self.held, self.outbox, self.dead, self.parked)

    def task(self, task_id: str) -> str:
        """The record of one task."""
        return f"{self.prefix}task:{task_id.partition('/')[2]}"
