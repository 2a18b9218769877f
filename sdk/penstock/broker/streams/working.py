"""The worker's part of the broker on Redis Streams."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from penstock.broker.cordon import Cordon
from penstock.broker.messages import (
    Claimed,
    Claimer,
    Delivery,
    Lease,
    Reclaimed,
    Renewal,
    Settlement,
    Signal,
)
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.broker.streams.library import Command, missing_group
from penstock.errors import SubmissionError
from penstock.keys import GROUP

__all__ = ["StreamsWorking"]

# A blocking read is short, so that a drain never waits long for one to end and never has to cancel one:
# a cancelled read may have taken a message that nobody then sees.
BLOCK_SECONDS = 1.0
PROMOTE_LIMIT = 500
RECLAIM_LIMIT = 100
RECLAIMS = 50  # steps of one call
BATCH = 500  # settlements in one step
BROADCASTS = 1000  # at a time; whoever gets so many asks again
_RENEWALS = {0: Renewal.LOST, 1: Renewal.HELD, 2: Renewal.CANCEL}


class StreamsWorking(Calls):
    """See Working."""

    async def claim(
        self, queue: str, claimer: Claimer, budget: int, *, alone: bool = False, read: Sequence[Delivery] = ()
    ) -> Claimed:
        """See Working."""
        nonce = _nonce()
        args = requests.claim(claimer, nonce, budget, alone, read)
        return replies.claimed(queue, nonce, await self._call("claim", queue, args))

    async def listen(self, queue: str, claimer: Claimer, wait: float) -> list[Delivery]:
        """See Working."""
        keys = self.keys(queue)
        command = requests.blocking_read(keys, claimer.consumer, min(wait, BLOCK_SECONDS))
        try:
            return replies.blocking_read(keys, _nonce(), await self._redis.command(*command))
        except SubmissionError as error:
            if missing_group(error):  # Redis has lost it; the next claim makes it anew
                return []
            raise

    async def unclaim(self, deliveries: Sequence[Delivery]) -> None:
        """See Working."""
        await self._call("unclaim", deliveries[0].queue, requests.places(deliveries))

    async def reclaim(self, queue: str, claimer: Claimer, *, lease: float) -> Reclaimed:
        """See Working."""
        args: requests.Args = [claimer.consumer, requests.ms(lease), RECLAIM_LIMIT]
        total = 0
        for _ in range(RECLAIMS):
            moved, suspects = replies.integers(await self._call("reclaim", queue, args))
            total += moved
            if moved < RECLAIM_LIMIT:
                break
        return Reclaimed(total, suspects)

    async def relinquish(self, queue: str, claimer: Claimer, held: Sequence[Lease]) -> int:
        """See Working."""
        return replies.integer(await self._call("relinquish", queue, requests.held(held, claimer)))

    def renew(self, leases: Sequence[Lease], claimer: Claimer) -> list[Renewal]:
        """See Working."""
        reply = self._renewals.call("renew", self.keys(leases[0].queue).fixed, requests.held(leases, claimer))
        return [_RENEWALS[code] for code in replies.integers(reply)]

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """See Working."""
        return bool(await self._call("note", lease.queue, [lease.id, lease.nonce, "progress", progress]))

    async def checkpoint(self, lease: Lease, state: bytes) -> bool:
        """See Working."""
        return bool(await self._call("note", lease.queue, [lease.id, lease.nonce, "checkpoint", state]))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """See Working."""
        queue, settled = settlements[0].lease.queue, list[bool]()
        for first in range(0, len(settlements), BATCH):
            some = settlements[first : first + BATCH]
            args = requests.settle(some, self.keys(queue))
            reply = await self._call("settle", queue, args, [settlement.lease.id for settlement in some])
            settled += map(bool, replies.integers(reply))
        return settled

    async def promote(self, queue: str) -> float | None:
        """See Working."""
        _, nearest = replies.integers(await self._call("promote", queue, [PROMOTE_LIMIT]))
        return nearest / 1000 if nearest >= 0 else None

    async def parked(self, queue: str, limit: int, *, skip: int = 0) -> list[Delivery]:
        """See Working."""
        keys = self.keys(queue)
        ids = replies.texts(await self._redis.command("ZRANGE", keys.parked, skip, skip + limit - 1))
        if not ids:
            return []
        held = replies.sequence(await self._redis.command("HMGET", keys.held, *ids))
        return [Delivery(queue, 0, "", id, replies.blob(m or b"")) for id, m in zip(ids, held, strict=True)]

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """See Working."""
        await self._call("unpark", queue, list(ids))

    async def broadcasts(self, queue: str, after: str | None) -> tuple[str, list[bytes]]:
        """See Working."""
        stream = self.keys(queue).broadcast
        if after is None:
            last = replies.rows(await self._redis.command("XREVRANGE", stream, "+", "-", "COUNT", 1))
            return replies.text(last[0][0]) if last else "0-0", []
        entries = replies.rows(await self._redis.command("XRANGE", stream, f"({after}", "+", "COUNT", BROADCASTS))
        messages = [replies.blob(replies.sequence(fields)[1]) for _, fields in entries]
        return replies.text(entries[-1][0]) if entries else after, messages

    async def signals(self, queues: Sequence[str]) -> AsyncGenerator[Signal, None]:
        """See Working."""
        channels = [self.keys(queue).control for queue in queues]
        async with aclosing(self._channels.messages(channels)) as messages:
            async for message in messages:
                kind, _, value = message.partition(" ")
                yield Signal(kind, value)

    async def attend(self, queue: str, claimer: Claimer, busy: int, *, resting: Cordon | None = None) -> Cordon | None:
        """See Working."""
        return replies.cordon(await self._call("attend", queue, requests.attend(claimer, busy, resting)))

    async def tidy(self, queue: str) -> None:
        """See Working."""
        await self._call("tidy", queue, [requests.GONE_MS])

    async def leave(self, queue: str, claimer: Claimer) -> None:
        """See Working."""
        keys = self.keys(queue)
        check: list[Command] = [("XPENDING", stream, GROUP, "-", "+", 1, claimer.consumer) for stream in keys.streams]
        pending = await self._redis.commands(check)
        remove: list[Command] = [
            ("XGROUP", "DELCONSUMER", stream, GROUP, claimer.consumer)
            for stream, reply in zip(keys.streams, pending, strict=True)
            if not reply
        ]
        remove.append(("HDEL", keys.workers, claimer.consumer))
        await self._redis.commands(remove)


def _nonce() -> str:
    return os.urandom(8).hex()
