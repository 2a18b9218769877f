"""Every Redis key and channel, and the shape of a task's id. Nothing else builds one.

One queue of one namespace lives under one hash tag, so all its keys share a slot of Redis Cluster and one
ACL pattern (`penstock:{NAMESPACE/*`) covers a tenant:

    penstock:{NS/QUEUE}:stream:PRIORITY   stream  ready tasks, consumer group `workers`; also `released` (their
                                                  concurrency key has a place) and `suspect` (a worker died of them)
    penstock:{NS/QUEUE}:tasks             hash    id → state of an unfinished task
    penstock:{NS/QUEUE}:delayed           zset    id → due, ms since the epoch by Redis' clock
    penstock:{NS/QUEUE}:gated             zset    tasks that wait for their concurrency key, in order
    penstock:{NS/QUEUE}:parked            zset    id → since when no live worker knew its name, ms
    penstock:{NS/QUEUE}:dead              zset    dead letters: id → since when, ms
    penstock:{NS/QUEUE}:buried            hash    id → state of a dead letter, for its replay
    penstock:{NS/QUEUE}:held              hash    id → envelope of what is delayed, paced, gated, parked or dead
    penstock:{NS/QUEUE}:paced             zset    id → when the rate of its concurrency key lets it start, ms
    penstock:{NS/QUEUE}:outbox            hash    id → outcome not yet written to its resource
    penstock:{NS/QUEUE}:settings          hash    the TaskQueue's settings, written by the operator; `paused`, leaders'
                                                  epochs, `dozing` (the channel on which the next task wakes),
                                                  `crowded` (a worker waits for room) and cursors of long walks
    penstock:{NS/QUEUE}:holders           zset    KEY newline ID of each task that has a place of its concurrency key
    penstock:{NS/QUEUE}:rate              zset    concurrency key ('' for all) → theoretical arrival time, ms
    penstock:{NS/QUEUE}:unique            hash    idempotency key → id of the task that holds it
    penstock:{NS/QUEUE}:expiring          zset    idempotency key → when it is free at the latest, ms
    penstock:{NS/QUEUE}:broadcast         stream  messages for every live worker, kept for an hour
    penstock:{NS/QUEUE}:blocked           zset    tasks that wait for others: id → since when, ms
    penstock:{NS/QUEUE}:ended             hash    id → how a task ended, until those whom that concerns have been told
    penstock:{NS/QUEUE}:load              string  two counters of 64 bits: attempts that were settled, the ms they ran
    penstock:{NS/QUEUE}:workers           hash    consumer → worker and last word of processes whose first queue it is
    penstock:{NS/QUEUE}:cordoned          hash    worker → until when it claims nothing, ms
    penstock:{NS/QUEUE}:task:UNIQUE       string  the outcome of a finished task; with a TTL
    penstock:{NS/QUEUE}:inputs:UNIQUE     hash    what a blocked task was given: number → JSON; with a TTL
    penstock:{NS/QUEUE}:batch:UID         hash    a batch's terms and counts; as the next three, with a TTL
    penstock:{NS/QUEUE}:batch:UID:items     string  a byte for each item: NUL not sent · q sent (held back, queued or
                                                    running) · s succeeded · f failed · c cancelled
    penstock:{NS/QUEUE}:batch:UID:waiting   zset    indexes of the items that are held back
    penstock:{NS/QUEUE}:batch:UID:messages  hash    index → envelope of items that are held back, failed or cancelled
    penstock:{NS/QUEUE}:control, :done    channels: signals to workers; outcomes that somebody waits for
    penstock:{NS/QUEUE}:wake              channel: a task has come to a queue that had none

An item of a batch is a task whose id is QUEUE.b.UID.INDEX.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from penstock import limits
from penstock.errors import ConfigurationError

__all__ = [
    "GROUP",
    "PRIORITIES",
    "WAKES",
    "Priority",
    "QueueKeys",
    "batch_id",
    "batch_uid",
    "checked_id",
    "checked_queue",
    "item_id",
    "item_of",
    "queue_of",
    "resource_uid",
    "task_id",
    "woken",
]

Priority = Literal["critical", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
GROUP = "workers"
_FIXED = (
    *("tasks", "delayed", "held", "gated", "parked", "dead", "outbox"),
    *("settings", "holders", "rate", "unique", "expiring", "broadcast", "blocked", "ended"),
    *("load", "workers", "cordoned", "paced", "buried"),
)
_CHANNELS = ("control", "done", "wake")
WAKES = "penstock:{*}:wake"  # the pattern of all such channels
_WAKE = re.compile(r"penstock:\{([^/]+)/([^}]+)\}:wake")
UNIQUE_LENGTH = 256  # of the part of an id behind the queue
_BATCH = "b."  # how the unique part of an item's id begins
_OF_RESOURCE = re.compile(r"(?:b\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[-.]\d+")  # UID-RUN, b.UID.INDEX
_ITEM = re.compile(r"([^.]+\.b\.[^.]+)\.([0-9]+)")  # QUEUE.b.UID.INDEX


def checked_queue(queue: str) -> str:
    """The name, if it may be one: it becomes part of keys and ids. Raises ConfigurationError."""
    if not limits.QUEUE.fits(queue):
        raise ConfigurationError(f"queue {queue!r}: use {limits.QUEUE.told}")
    return queue


def task_id(queue: str, unique: str) -> str:
    """The id that the rest of the system passes around; the queue in front routes it."""
    return f"{queue}.{unique}"


def checked_id(task_id: object) -> str:
    """The id, if it is QUEUE.UNIQUE. Raises ConfigurationError."""
    queue, dot, unique = task_id.partition(".") if isinstance(task_id, str) else ("", "", "")
    if not (dot and unique and unique.isprintable() and len(unique) <= UNIQUE_LENGTH and limits.QUEUE.fits(queue)):
        raise _no_id(task_id)
    return f"{queue}.{unique}"


def queue_of(task_id: str) -> str:
    """The queue that an id belongs to."""
    queue, dot, unique = task_id.partition(".")
    if not (queue and dot and unique):
        raise _no_id(task_id)
    return queue


def _no_id(given: object) -> ConfigurationError:
    return ConfigurationError(f"task id {given!r} isn't QUEUE.UNIQUE; pass the id of a handle as it is")


def resource_uid(task_id: str) -> str | None:
    """The uid of the Task that an id stands for, or of the TaskBatch whose item it is; None for other tasks."""
    found = _OF_RESOURCE.fullmatch(task_id.partition(".")[2])
    return found and found[1]


def woken(channel: str) -> tuple[str, str] | None:
    """The namespace and the queue of a channel that wakes; None for others."""
    found = _WAKE.fullmatch(channel)
    return found and (found[1], found[2])


def batch_id(queue: str, uid: str) -> str:
    """The id of a batch: what its items' ids begin with."""
    return task_id(queue, f"{_BATCH}{uid}")


def batch_uid(batch_id: str) -> str:
    """What tells a batch from the others of its queue."""
    return batch_id.partition(".")[2].removeprefix(_BATCH)


def item_id(batch_id: str, index: int) -> str:
    """The id of the task that an item of a batch is."""
    return f"{batch_id}.{index}"


def item_of(task_id: str) -> tuple[str, int] | None:
    """The batch and the index of a task that is an item of one."""
    found = _ITEM.fullmatch(task_id)
    return found and (found[1], int(found[2]))


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
        """Ready tasks: one stream a priority, most urgent first, then what was released and the suspects."""
        return tuple(f"{self.prefix}stream:{name}" for name in (*PRIORITIES, "released", "suspect"))

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """The set that may stay for ever, and that every function of the library gets, in the order of `shared.lua`."""
        return (*self.streams, *(self.prefix + name for name in _FIXED))

    def __getattr__(self, name: str) -> str:
        """One of the fixed keys by its last part."""
        if name not in (*_FIXED, *_CHANNELS):
            raise AttributeError(name)
        return self.prefix + name

    def task(self, task_id: str) -> str:
        """Where the outcome of one task is kept."""
        return f"{self.prefix}task:{task_id.partition('.')[2]}"

    def inputs(self, task_id: str) -> str:
        """Where the inputs of one task are kept."""
        return f"{self.prefix}inputs:{task_id.partition('.')[2]}"

    def batch(self, batch_id: str) -> tuple[str, ...]:
        """What is kept of a batch, as `item.lua` names it too."""
        terms = f"{self.prefix}batch:{batch_uid(batch_id)}"
        return terms, *(f"{terms}:{part}" for part in ("items", "waiting", "messages"))
