"""The operator's and the command line's part of the broker on Redis Streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import msgspec

from penstock.broker.messages import DeadLetter, Depth, QueueConfig
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.envelope import revived
from penstock.errors import PenstockError
from penstock.keys import WAKES, queue_of, woken
from penstock.outcome import Outcome

__all__ = ["StreamsSteering"]

SCAN = 1000  # ids at a time
LOOK_SECONDS = 3.0  # for one server's answer; what the others hold isn't kept back for longer


class StreamsSteering(Calls):
    """See Steering."""

    def lead(self, lease: str, epoch: int) -> None:
        """See Steering."""
        self._epoch = (lease, epoch)

    async def begin_epoch(self, queue: str) -> None:
        """See Steering."""
        await self._call("begin_epoch", queue, [])

    async def depth(self, queues: Sequence[str], *, horizon: float | Mapping[str, float] = 0.0) -> dict[str, Depth]:
        """See Steering."""
        ahead = horizon if isinstance(horizon, Mapping) else dict.fromkeys(queues, horizon)
        commands = [requests.depth(self.keys(queue), ahead.get(queue, 0.0)) for queue in queues]
        answers = dict(zip(queues, await self._redis.each(commands, patience=LOOK_SECONDS), strict=True))
        lost = {queue: reply for queue, reply in answers.items() if isinstance(reply, PenstockError)}
        if lost and len(lost) == len(answers):
            raise next(iter(lost.values()))
        return {queue: replies.depth(reply) for queue, reply in answers.items() if queue not in lost}

    async def cordon(self, queue: str, workers: Sequence[str], seconds: float) -> frozenset[str]:
        """See Steering."""
        args: requests.Args = [self.keys(queue).control, requests.ms(seconds), *workers]
        return frozenset(replies.texts(await self._call("cordon", queue, args)))

    async def doze(self, queue: str) -> bool:
        """See Steering."""
        return bool(await self._call("doze", queue, [self.keys(queue).wake]))

    async def wakes(self) -> AsyncGenerator[tuple[str, str], None]:
        """See Steering."""
        async with aclosing(self._channels.stirring(WAKES)) as channels:
            async for channel in channels:
                if (where := woken(channel)) is not None:
                    yield where

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """See Steering."""
        cursor = self._outboxes.get(queue, "0")
        reply = await self._redis.command("HSCAN", self.keys(queue).outbox, cursor, "COUNT", limit)
        following, flat = replies.sequence(reply)
        self._outboxes[queue] = replies.text(following)
        if self._outboxes[queue] == "0":  # through with it
            del self._outboxes[queue]
        return replies.outcomes_of(replies.sequence(flat)[1::2])

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
        messages = [revived(replies.blob(message or b""), self._clock()) for message in held]
        return replies.integer(await self._call("exhume", queue, requests.replay(ids, messages), ids))

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """See Steering."""
        return replies.integer(await self._call("exhume", queue, requests.purge(ids), ids)) if ids else 0
