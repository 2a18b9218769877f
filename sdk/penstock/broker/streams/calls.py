"""Calling the functions of the library for one namespace's queues."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from typing import Self

from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import BlockingConnection, Connection, Reply
from penstock.broker.streams.library import REFUSED_WHEN_FULL
from penstock.clock import ServerClock
from penstock.keys import QueueKeys

__all__ = ["Calls"]

KEPT = 1000  # queues whose keys are remembered
# What only a leader may do, once there is one; see `lua/lead.lua`.
_LED = frozenset(
    {
        *("send", "cancel", "withdraw", "clear", "configure", "cordon", "begin_epoch"),
        *("tend", "send_items", "recall_items", "cancel_items", "retry_items", "forget_batch"),
    }
)


class Calls:
    """What the parts of the broker share: connections, keys and the way to call."""

    def __init__(
        self, url: str, namespace: str, *, clock: Callable[[], float] = time.time, submitter: bool = False
    ) -> None:
        self.namespace = namespace
        self._clock = ServerClock(clock)
        self._redis = Connection.of_submitter(url) if submitter else Connection(url)
        self._renewals = BlockingConnection(url)
        self._channels = Channels(self._redis)
        self._keys: dict[str, QueueKeys] = {}
        self._outboxes: dict[str, str] = {}  # how far each queue's was looked through, a cursor
        self._epoch: tuple[str, int] | None = None  # of whoever leads by this connection
        self._owns = True  # the connections

    def _shared_with(self, namespace: str) -> Self:
        """The same connections for another namespace."""
        other = copy(self)
        other.namespace, other._keys, other._outboxes, other._epoch, other._owns = namespace, {}, {}, None, False
        return other

    def keys(self, queue: str) -> QueueKeys:
        """The queue's keys in this namespace."""
        known = self._keys.get(queue)
        if known is None:
            if len(self._keys) >= KEPT:  # some applications make names of queues
                self._keys.clear()
            known = self._keys[queue] = QueueKeys(self.namespace, queue)
        return known

    async def _call(
        self, function: str, queue: str, args: Sequence[str | bytes | int], records: Sequence[str] = ()
    ) -> Reply:
        """Call `function` on a queue; `records` are the ids whose outcomes it may read or write."""
        keys = self.keys(queue)
        names = [*keys.fixed, *map(keys.task, records)] if records else keys.fixed
        if self._epoch is not None and function in _LED:
            lease, epoch = self._epoch
            args = [f"epoch:{lease}", epoch, function, *args]
            function = "led_send" if function in REFUSED_WHEN_FULL else "led"
        return await self._redis.call(function, names, args)
