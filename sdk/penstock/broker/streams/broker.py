"""The broker on Redis Streams. What each call promises stands in the protocol; how it is kept, in `lua/`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence

import msgspec

from penstock.broker.protocol import (
    Begun,
    Cancellation,
    Delivery,
    Depth,
    Lease,
    QueueConfig,
    Renewal,
    Settlement,
    Snapshot,
)
from penstock.broker.streams import replies, requests
from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import BlockingConnection, Connection, Reply
from penstock.broker.streams.library import Command, missing_group
from penstock.envelope import Envelope
from penstock.errors import SubmissionError
from penstock.keys import GROUP, QueueKeys, queue_of
from penstock.outcome import Outcome

__all__ = ["StreamsBroker"]

# A blocking read is short, so that a drain never waits long for one to end and never has to cancel one:
# a cancelled read may have taken a message that nobody then sees.
BLOCK_SECONDS = 1.0
PROMOTE_LIMIT = 500

_RENEWALS = {0: Renewal.LOST, 1: Renewal.HELD, 2: Renewal.CANCEL}


class StreamsBroker:
    """One namespace's queues on one Redis."""

    def __init__(self, url: str, namespace: str, *, clock: Callable[[], float] = time.time) -> None:
        self.namespace = namespace
        self._clock = clock
        self._redis = Connection(url)
        self._renewals = BlockingConnection(url)
        self._channels = Channels(self._redis)

    def keys(self, queue: str) -> QueueKeys:
        """The queue's keys in this namespace."""
        return QueueKeys(self.namespace, queue)

    async def _call(self, function: str, queue: str, ids: Sequence[str], args: list[str | bytes | int]) -> Reply:
        keys = self.keys(queue)
        return await self._redis.call(function, [*keys.shared, *(keys.task(id) for id in ids)], args)

    # --- submitting -------------------------------------------------------------------------------------------

    async def send(self, messages: Sequence[Envelope]) -> list[bool]:
        """See Broker."""
        args = requests.send(messages, self._clock())
        reply = await self._call("send", messages[0].queue, [message.id for message in messages], args)
        return [bool(queued) for queued in replies.integers(reply)]

    # --- working ----------------------------------------------------------------------------------------------

    async def claim(self, queue: str, consumer: str, budget: int, *, wait: float = 0.0) -> list[Delivery]:
        """See Broker."""
        try:
            return await self._claim(queue, consumer, budget, wait)
        except SubmissionError as error:
            if not missing_group(error):
                raise
        await self._create_groups(queue)
        return await self._claim(queue, consumer, budget, wait)

    async def _claim(self, queue: str, consumer: str, budget: int, wait: float) -> list[Delivery]:
        found = replies.deliveries(queue, await self._call("claim", queue, [], [consumer, budget]))
        return found if found or wait <= 0 else await self._blocking_claim(queue, consumer, wait)

    async def _blocking_claim(self, queue: str, consumer: str, wait: float) -> list[Delivery]:
        keys = self.keys(queue)
        reply = await self._redis.command(*requests.blocking_read(keys, consumer, min(wait, BLOCK_SECONDS)))
        return replies.blocking_read(keys, reply)

    async def _create_groups(self, queue: str) -> None:
        # From 0: what was queued before the first worker came is theirs. BUSYGROUP (exists already) is fine.
        create: list[Command] = [
            ("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM") for stream in self.keys(queue).streams
        ]
        for reply in await self._redis.commands(create):
            if isinstance(reply, SubmissionError) and "BUSYGROUP" not in str(reply):
                raise reply

    async def reclaim(self, queue: str, consumer: str, budget: int, *, lease: float) -> list[Delivery]:
        """See Broker. Nothing is taken over until Redis has been up for a whole lease: its idle times count the
        outage, in which no worker could renew."""
        if await self._uptime() < lease:
            return []
        try:
            reply = await self._call("reclaim", queue, [], [consumer, requests.ms(lease), budget])
        except SubmissionError as error:
            if missing_group(error):
                return []
            raise
        return replies.deliveries(queue, reply)

    async def _uptime(self) -> float:
        info = replies.text(await self._redis.command("INFO", "server"))
        return float(info.partition("uptime_in_seconds:")[2].split()[0])

    async def begin(
        self, deliveries: Sequence[Delivery], consumer: str, worker: str, *, max_crashes: int
    ) -> list[Begun]:
        """See Broker."""
        leases = [Lease(d.queue, d.stream, d.entry, d.id, os.urandom(8).hex()) for d in deliveries]
        args = requests.begin(leases, consumer, worker, max_crashes)
        reply = await self._call("begin", deliveries[0].queue, [lease.id for lease in leases], args)
        return replies.begun(leases, reply)

    def renew(self, leases: Sequence[Lease], consumer: str) -> list[Renewal]:
        """See Broker."""
        keys = self.keys(leases[0].queue)
        names = [*keys.shared, *(keys.task(lease.id) for lease in leases)]
        reply = self._renewals.call("renew", names, requests.renew(leases, consumer))
        return [_RENEWALS[code] for code in replies.integers(reply)]

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """See Broker."""
        return bool(await self._call("note", lease.queue, [lease.id], [lease.nonce, progress]))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Broker."""
        queue = settlements[0].lease.queue
        args = requests.settle(settlements, self.keys(queue).done)
        reply = await self._call("settle", queue, [settlement.lease.id for settlement in settlements], args)
        return [bool(settled) for settled in replies.integers(reply)]

    async def unclaim(self, deliveries: Sequence[Delivery], consumer: str) -> None:
        """See Broker."""
        ids = [delivery.id for delivery in deliveries]
        await self._call("unclaim", deliveries[0].queue, ids, requests.unclaim(deliveries, consumer))

    async def bury(self, delivery: Delivery, outcome: Outcome, *, life: float) -> None:
        """See Broker."""
        args = requests.bury(delivery, outcome, self.keys(delivery.queue).done, life)
        await self._call("bury", delivery.queue, [delivery.id], args)

    async def promote(self, queue: str) -> float | None:
        """See Broker. Two steps, so that the function's keys are all declared; it checks the time again."""
        keys = self.keys(queue)
        first = await self._redis.command("ZRANGE", keys.delayed, 0, PROMOTE_LIMIT - 1, "WITHSCORES")
        flat = replies.texts(first)
        now = self._clock()
        dues = [(id, float(score) / 1000) for id, score in zip(flat[::2], flat[1::2], strict=True)]
        due = [id for id, at in dues if at <= now]
        if due:
            await self._call("promote", queue, due, list(due))
        later = [at - now for _, at in dues if at > now]
        return later[0] if later else (0.0 if len(due) == PROMOTE_LIMIT else None)

    async def parked(self, queue: str, limit: int) -> list[Delivery]:
        """See Broker."""
        keys = self.keys(queue)
        ids = replies.texts(await self._redis.command("ZRANGE", keys.parked, 0, limit - 1))
        if not ids:
            return []
        held = replies.sequence(await self._redis.command("HMGET", keys.held, *ids))
        return [Delivery(queue, 0, "", id, replies.blob(m)) for id, m in zip(ids, held, strict=True) if m]

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """See Broker."""
        await self._call("unpark", queue, ids, list(ids))

    async def leave(self, queue: str, consumer: str) -> None:
        """See Broker."""
        keys = self.keys(queue)
        check: list[Command] = [("XPENDING", stream, GROUP, "-", "+", 1, consumer) for stream in keys.streams]
        pending = await self._redis.commands(check)
        remove: list[Command] = [
            ("XGROUP", "DELCONSUMER", stream, GROUP, consumer)
            for stream, reply in zip(keys.streams, pending, strict=True)
            if not reply
        ]
        await self._redis.commands(remove)

    # --- steering and looking -----------------------------------------------------------------------------------

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """See Broker."""
        queue = queue_of(outcome.id)
        args = requests.cancel(outcome, self.keys(queue), reason, life)
        result, attempts = replies.sequence(await self._call("cancel", queue, [outcome.id], args))
        return Cancellation(replies.text(result)), replies.integer(attempts)

    async def withdraw(self, id: str) -> Cancellation:
        """See Broker."""
        return Cancellation(replies.text(await self._call("withdraw", queue_of(id), [id], [id])))

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """See Broker."""
        if not ids:
            return []
        records = [self.keys(queue_of(id)).task(id) for id in ids]
        found = await self._redis.commands([("HMGET", record, *replies.RECORD_FIELDS) for record in records])
        return [replies.snapshot(reply) for reply in found]

    async def wait(self, id: str) -> Outcome | None:
        """See Broker."""
        queue = queue_of(id)
        async with self._channels.listening(self.keys(queue).done, id) as announced:
            while True:
                phase, blob = replies.rows(await self._call("watch", queue, [id], []))[0]
                if blob or not phase:
                    return replies.outcome(blob)
                await announced()

    async def depth(self, queues: Sequence[str], *, horizon: float = 0.0) -> dict[str, Depth]:
        """See Broker."""
        now = self._clock()
        per_queue = [requests.depth(self.keys(queue), now + horizon) for queue in queues]
        found = await self._redis.commands([command for commands in per_queue for command in commands])
        width = len(found) // max(1, len(queues))
        chunks = [found[first : first + width] for first in range(0, len(found), width or 1)]
        return {queue: replies.depth(chunk, now) for queue, chunk in zip(queues, chunks, strict=True)}

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Broker."""
        # One HSCAN page holds what a sweep can report; the next sweep finds the rest.
        reply = await self._redis.command("HSCAN", self.keys(queue).outbox, 0, "COUNT", limit)
        flat = replies.sequence(replies.sequence(reply)[1])
        return [outcome for blob in flat[1::2] if (outcome := replies.outcome(blob))]

    async def clear(self, reported: Sequence[Outcome]) -> None:
        """See Broker."""
        if reported:
            await self._call("clear", queue_of(reported[0].id), [], requests.clear(reported))

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """See Broker."""
        key = self.keys(queue).config
        await (
            self._redis.command("SET", key, msgspec.json.encode(config)) if config else self._redis.command("DEL", key)
        )

    async def config(self, queue: str) -> QueueConfig:
        """See Broker."""
        stored = await self._redis.command("GET", self.keys(queue).config)
        return msgspec.json.decode(replies.blob(stored), type=QueueConfig) if stored else QueueConfig()

    def cancellations(self, queues: Sequence[str]) -> AsyncGenerator[str, None]:
        """See Broker."""
        return self._channels.messages([self.keys(queue).control for queue in queues])

    async def ping(self) -> None:
        """See Broker."""
        await self._redis.command("PING")

    async def close(self) -> None:
        """See Broker."""
        await self._channels.close()
        await self._redis.close()
        self._renewals.close()
