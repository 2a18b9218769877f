"""The part of the broker on Redis Streams that tasks which concern each other need."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.broker.messages import Delivery, Ended, Lease, Supply
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.broker.streams.library import Command
from penstock.keys import queue_of
from penstock.status import Phase

__all__ = ["StreamsLinking"]

DEAD_MS = 7 * 24 * 3_600_000  # how long the inputs of a dead letter stay


class StreamsLinking(Calls):
    """See Linking."""

    async def supply(self, supplies: Sequence[Supply], *, life: float) -> None:
        """See Linking."""
        keys = self.keys(queue_of(supplies[0].id))
        names = [name for one in supplies for name in (keys.task(one.id), keys.inputs(one.id))]
        await self._redis.call("supply", [*keys.fixed, *names], requests.supply(supplies, keys, life))

    async def expect(self, id: str, count: int) -> bool:
        """See Linking."""
        keys = self.keys(queue_of(id))
        return bool(await self._redis.call("expect", [*keys.fixed, keys.inputs(id)], [id, count]))

    async def inputs(self, id: str) -> dict[int, bytes]:
        """See Linking."""
        return replies.inputs(await self._redis.command("HGETALL", self.keys(queue_of(id)).inputs(id)))

    async def ready_since(self, id: str) -> float | None:
        """See Linking."""
        told = await self._redis.command("HGET", self.keys(queue_of(id)).inputs(id), "ready")
        return None if told is None else int(replies.text(told)) / 1000

    async def adopt(self, parent: Lease, children: Sequence[str]) -> bool:
        """See Linking."""
        return bool(await self._call("adopt", parent.queue, [parent.id, parent.nonce, *children]))

    async def take_ended(self, queue: str, limit: int, *, patience: float) -> list[Ended]:
        """See Linking."""
        return replies.ended(await self._call("take_ended", queue, [limit, requests.ms(patience)]))

    async def relayed(self, queue: str, ended: Sequence[Ended]) -> None:
        """See Linking. A dead letter's inputs stay for as long as it does by default: it may be replayed."""
        keys = self.keys(queue)
        commands: list[Command] = [("HDEL", keys.ended, *(one.outcome.id for one in ended))]
        dead = [one.outcome.id for one in ended if one.outcome.phase is Phase.DEAD_LETTERED]
        if over := [keys.inputs(one.outcome.id) for one in ended if one.outcome.phase is not Phase.DEAD_LETTERED]:
            commands.append(("UNLINK", *over))
        commands += [("PEXPIRE", keys.inputs(id), DEAD_MS) for id in dead]
        for reply in await self._redis.commands(commands):
            replies.integer(reply)

    async def blocked(self, queue: str, limit: int, *, since: float) -> list[Delivery]:
        """See Linking."""
        keys, until = self.keys(queue), requests.ms(since)
        ids = replies.texts(await self._redis.command("ZRANGEBYSCORE", keys.blocked, "-inf", until, "LIMIT", 0, limit))
        if not ids:
            return []
        held = replies.sequence(await self._redis.command("HMGET", keys.held, *ids))
        return [Delivery(queue, 0, "", id, replies.blob(m) if m else b"") for id, m in zip(ids, held, strict=True)]

    async def linger(self, queue: str, ids: Sequence[str]) -> None:
        """See Linking."""
        scores = [one for id in ids for one in (requests.ms(self._clock()), id)]
        replies.integer(await self._redis.command("ZADD", self.keys(queue).blocked, "XX", *scores))
