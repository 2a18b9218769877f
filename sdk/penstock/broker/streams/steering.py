"""The operator's and the command line's part of the broker on Redis Streams."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from penstock.broker.messages import DeadLetter, Depth, QueueConfig
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.envelope import priority_of
from penstock.keys import PRIORITIES, queue_of
from penstock.outcome import Outcome

__all__ = ["StreamsSteering"]

SCAN = 1000  # ids at a time


class StreamsSteering(Calls):
    """See Steering."""

    def lead(self, lease: str, epoch: int) -> None:
        """See Steering."""
        self._epoch = (lease, epoch)

    async def begin_epoch(self, queue: str) -> None:
        """See Steering."""
        await self._call("begin_epoch", queue, [])

    async def depth(self, queues: Sequence[str], *, horizon: float = 0.0) -> dict[str, Depth]:
        """See Steering."""
        now = self._clock()
        per_queue = [requests.depth(self.keys(queue), now + horizon) for queue in queues]
        found = await self._redis.commands([command for commands in per_queue for command in commands])
        width = len(found) // max(1, len(queues))
        chunks = [found[first : first + width] for first in range(0, len(found), width or 1)]
        return {queue: replies.depth(chunk, now) for queue, chunk in zip(queues, chunks, strict=True)}

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Steering."""
        # One HSCAN page holds what a sweep can report; the next sweep finds the rest.
        reply = await self._redis.command("HSCAN", self.keys(queue).outbox, 0, "COUNT", limit)
        flat = replies.sequence(replies.sequence(reply)[1])
        return [outcome for blob in flat[1::2] if (outcome := replies.outcome(blob))]

    async def unfinished(self, queue: str, cursor: str) -> tuple[str, list[str]]:
        """See Steering."""
        reply = await self._redis.command("HSCAN", self.keys(queue).tasks, cursor or "0", "COUNT", SCAN)
        after, flat = replies.sequence(reply)
        following = replies.text(after)
        return "" if following == "0" else following, replies.texts(replies.sequence(flat)[::2])

    async def clear(self, outcomes: Sequence[Outcome]) -> None:
        """See Steering."""
        if outcomes:
            await self._call("clear", queue_of(outcomes[0].id), requests.clear(outcomes))

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """See Steering."""
        await self._call("configure", queue, [self.keys(queue).control, *requests.settings(config)])

    async def config(self, queue: str) -> QueueConfig:
        """See Steering."""
        stored = await self._redis.command("HGET", self.keys(queue).settings, "config")
        return msgspec.json.decode(replies.blob(stored), type=QueueConfig) if stored else QueueConfig()

    async def pause(self, queue: str, paused: bool) -> None:
        """See Steering."""
        await self._call("configure", queue, [self.keys(queue).control, "paused", "1" if paused else ""])

    async def dead_letters(self, queue: str, limit: int) -> list[DeadLetter]:
        """See Steering."""
        keys = self.keys(queue)
        flat = replies.texts(await self._redis.command("ZRANGE", keys.dead, 0, limit - 1, "WITHSCORES"))
        if not flat:
            return []
        ids = flat[::2]
        held = replies.sequence(await self._redis.command("HMGET", keys.held, *ids))
        ended = replies.sequence(await self._redis.command("MGET", *map(keys.task, ids)))
        return [
            DeadLetter(id, float(since) / 1000, replies.blob(message or b""), replies.outcome(outcome))
            for id, since, message, outcome in zip(ids, flat[1::2], held, ended, strict=True)
        ]

    async def replay(self, queue: str, ids: Sequence[str]) -> int:
        """See Steering."""
        if not ids:
            return 0
        held = replies.sequence(await self._redis.command("HMGET", self.keys(queue).held, *ids))
        priorities = [PRIORITIES.index(priority_of(replies.blob(message or b""))) + 1 for message in held]
        args = [part for pair in zip(ids, priorities, strict=True) for part in pair]
        return replies.integer(await self._call("exhume", queue, ["1", *args], ids))

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """See Steering."""
        args = [part for id in ids for part in (id, 3)]
        return replies.integer(await self._call("exhume", queue, ["0", *args], ids)) if ids else 0
