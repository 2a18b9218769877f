"""The broker on Redis Streams. What each call promises stands in the protocol; how it is kept, in `lua/`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence

import msgspec

from penstock import envelope as envelopes
from penstock import outcome as outcomes
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
    Verb,
)
from penstock.broker.streams import replies
from penstock.broker.streams.channels import Channels
from penstock.broker.streams.connection import BlockingConnection, Connection, Reply
from penstock.broker.streams.library import Command, missing_group
from penstock.envelope import Envelope
from penstock.errors import SubmissionError
from penstock.keys import GROUP, PRIORITIES, QueueKeys, queue_of
from penstock.outcome import Outcome

__all__ = ["StreamsBroker"]

# A record outlives its task by this at least; it is renewed with every transition.
RECORD_SECONDS = 7 * 24 * 3600.0
# A blocking read is short, so that a drain never waits long for one to end and never has to cancel one:
# a cancelled read may have taken a message that nobody then sees.
BLOCK_SECONDS = 1.0
PROMOTE_LIMIT = 500
DELIVERY_COUNT = 1  # while blocked, an idle worker takes one message a stream, so that others get the next

_RENEWALS = {0: Renewal.LOST, 1: Renewal.HELD, 2: Renewal.CANCEL}


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


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

    async def send(self, envelopes_: Sequence[Envelope]) -> list[bool]:
        """See Broker."""
        now = self._clock()
        args: list[str | bytes | int] = []
        for message in envelopes_:
            delay = (message.not_before or now) - now
            stream = PRIORITIES.index(message.priority) + 1
            life = RECORD_SECONDS + max(0.0, delay)
            args += [message.id, stream, _ms(delay), _ms(life), envelopes.encode(message)]
        queue = envelopes_[0].queue
        reply = await self._call("send", queue, [message.id for message in envelopes_], args)
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
        block = _ms(min(wait, BLOCK_SECONDS))
        group = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", DELIVERY_COUNT, "BLOCK", block)
        reply = await self._redis.command(*group, "STREAMS", *keys.streams, ">", ">", ">", ">")
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
            reply = await self._call("reclaim", queue, [], [consumer, _ms(lease), budget])
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
        args: list[str | bytes | int] = [consumer, worker]
        for lease in leases:
            args += [lease.nonce, lease.stream, lease.entry, max_crashes]
        reply = await self._call("begin", deliveries[0].queue, [lease.id for lease in leases], args)
        return replies.begun(leases, reply)

    def renew(self, leases: Sequence[Lease], consumer: str) -> list[Renewal]:
        """See Broker."""
        keys = self.keys(leases[0].queue)
        args: list[str | int] = [consumer]
        for lease in leases:
            args += [lease.nonce, lease.stream, lease.entry]
        names = [*keys.shared, *(keys.task(lease.id) for lease in leases)]
        return [_RENEWALS[code] for code in replies.integers(self._renewals.call("renew", names, args))]

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """See Broker."""
        return bool(await self._call("note", lease.queue, [lease.id], [lease.nonce, progress]))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Broker."""
        queue = settlements[0].lease.queue
        args: list[str | bytes | int] = [self.keys(queue).done]
        for settlement in settlements:
            args += _settle_args(settlement)
        reply = await self._call("settle", queue, [settlement.lease.id for settlement in settlements], args)
        return [bool(settled) for settled in replies.integers(reply)]

    async def unclaim(self, deliveries: Sequence[Delivery], consumer: str) -> None:
        """See Broker."""
        args: list[str | bytes | int] = [consumer]
        for delivery in deliveries:
            args += [delivery.stream, delivery.entry, delivery.id, delivery.message]
        await self._call("unclaim", deliveries[0].queue, [delivery.id for delivery in deliveries], args)

    async def bury(self, delivery: Delivery, outcome: Outcome, *, life: float) -> None:
        """See Broker."""
        channel, blob = self.keys(delivery.queue).done, outcomes.encode(outcome)
        args: list[str | bytes | int] = [
            channel,
            delivery.stream,
            delivery.entry,
            delivery.id,
            delivery.message,
            blob,
            _ms(life),
        ]
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
        keys = self.keys(queue)
        blob, outbox = outcomes.encode(outcome), int(outcome.resource is not None)
        args: list[str | bytes | int] = [outcome.id, keys.control, keys.done, outcome.phase, blob, outbox]
        args += [_ms(life), reason]
        reply = await self._call("cancel", queue, [outcome.id], args)
        result, attempts = replies.sequence(reply)
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
        until = _ms(self._clock() + horizon)
        per_queue = [_depth_commands(self.keys(queue), until) for queue in queues]
        found = await self._redis.commands([command for commands in per_queue for command in commands])
        width = len(found) // max(1, len(queues))
        return {
            queue: replies.depth(found[index * width : (index + 1) * width], self._clock())
            for index, queue in enumerate(queues)
        }

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Broker."""
        # One HSCAN page holds what a sweep can report; the next sweep finds the rest.
        reply = await self._redis.command("HSCAN", self.keys(queue).outbox, 0, "COUNT", limit)
        flat = replies.sequence(replies.sequence(reply)[1])
        return [outcome for blob in flat[1::2] if (outcome := replies.outcome(blob))]

    async def clear(self, outcomes_: Sequence[Outcome]) -> None:
        """See Broker."""
        args: list[str | bytes | int] = []
        for outcome in outcomes_:
            args += [outcome.id, outcomes.encode(outcome)]
        if outcomes_:
            await self._call("clear", queue_of(outcomes_[0].id), [], args)

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


def _settle_args(settlement: Settlement) -> list[str | bytes | int]:
    lease, outcome = settlement.lease, settlement.outcome
    outbox = int(settlement.verb is Verb.END and outcome is not None and outcome.resource is not None)
    return [
        *(lease.nonce, lease.stream, lease.entry, lease.id, settlement.verb, settlement.phase),
        outcomes.encode(outcome) if outcome else b"",
        *(outbox, _ms(settlement.delay), _ms(settlement.life), settlement.message),
    ]


def _depth_commands(keys: QueueKeys, until_ms: int) -> list[Command]:
    return [
        *(("XLEN", stream) for stream in keys.streams),
        *(("XPENDING", stream, GROUP) for stream in keys.streams),
        ("ZCARD", keys.delayed),
        ("ZCOUNT", keys.delayed, "-inf", until_ms),
        ("XLEN", keys.dead),
        ("ZCARD", keys.parked),
        *(("XRANGE", stream, "-", "+", "COUNT", 1) for stream in keys.streams),
    ]
