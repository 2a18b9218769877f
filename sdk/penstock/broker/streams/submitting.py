"""The submitter's part of the broker on Redis Streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock import envelope as envelopes
from penstock.broker.messages import Cancellation, Receipt, Revision, Snapshot
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.envelope import Envelope
from penstock.keys import queue_of
from penstock.outcome import Outcome

__all__ = ["StreamsSubmitting"]

TIME_RESOLUTION = 1e-6


class StreamsSubmitting(Calls):
    """See Submitting."""

    @property
    def clock(self) -> Callable[[], float]:
        """See Submitting."""
        return self._clock

    async def time(self) -> float:
        """See Submitting."""
        sent = self._clock.own()
        told = replies.time(await self._redis.command("TIME"))
        self._clock.heard(told, sent=sent, resolution=TIME_RESOLUTION)
        return told

    async def send(self, messages: Sequence[Envelope]) -> list[Receipt]:
        """See Submitting."""
        args = requests.send(messages, self._clock())
        ids = [message.id for message in messages]
        return replies.receipts(ids, await self._call("send", messages[0].queue, args, ids))

    async def broadcast(self, message: Envelope) -> None:
        """See Submitting."""
        args: requests.Args = [envelopes.encode(message), self.keys(message.queue).control, requests.BROADCAST_MS]
        await self._call("broadcast", message.queue, args)

    async def wait(self, id: str) -> Outcome | None:
        """See Submitting."""
        queue = queue_of(id)
        async with self._channels.listening(self.keys(queue).done, id) as announced:
            while True:
                known, blob = replies.sequence(await self._call("watch", queue, [id], [id]))
                if blob or not known:
                    return replies.outcome(blob)
                if announcement := await announced():
                    return replies.outcome(announcement)

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """See Submitting. In this order: a task that ends in between is found at its end."""
        if not ids:
            return []
        places = [(self.keys(queue_of(id)), id) for id in ids]
        states = await self._redis.commands([("HGET", keys.tasks, id) for keys, id in places])
        outcomes = await self._redis.commands([("GET", keys.task(id)) for keys, id in places])
        return [replies.snapshot(state, outcome) for state, outcome in zip(states, outcomes, strict=True)]

    async def named(self, id: str) -> str:
        """See Submitting."""
        ended, message = replies.sequence(await self._call("named", queue_of(id), [id], [id]))
        return replies.named(ended, message)

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """See Submitting."""
        queue = queue_of(outcome.id)
        args = requests.cancel(outcome, self.keys(queue), reason, life)
        result, attempts = replies.sequence(await self._call("cancel", queue, args, [outcome.id]))
        return Cancellation(replies.text(result)), replies.integer(attempts)

    async def revise(self, id: str, *, due: float | None = None, message: Envelope | None = None) -> Revision:
        """See Submitting."""
        args = requests.revise(id, None if due is None else due - self._clock(), message)
        return Revision(replies.text(await self._call("revise", queue_of(id), args, [id])))

    async def withdraw(self, id: str) -> Cancellation:
        """See Submitting."""
        result = Cancellation(replies.text(await self._call("withdraw", queue_of(id), [id], [id])))
        if result is Cancellation.CANCELLED:
            replies.integer(await self._redis.command("UNLINK", self.keys(queue_of(id)).inputs(id)))
        return result
