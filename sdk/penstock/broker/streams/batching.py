"""The part of the broker on Redis Streams that batches need: see `item.lua` and `batch.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from penstock import envelope as envelopes
from penstock import outcome as outcomes
from penstock.broker.batch import BatchItems, BatchTerms
from penstock.broker.streams import replies, requests
from penstock.broker.streams.calls import Calls
from penstock.broker.streams.connection import Reply
from penstock.envelope import Envelope
from penstock.keys import PRIORITIES, batch_uid, item_of, queue_of
from penstock.outcome import Outcome

__all__ = ["StreamsBatching"]

GONE = -1


class StreamsBatching(Calls):
    """See Batching."""

    async def tend(self, terms: BatchTerms, *, create: bool) -> BatchItems | None:
        """See Batching."""
        args: requests.Args = [batch_uid(terms.id), int(create), terms.run]
        args += ["" if limit is None else limit for limit in (terms.parallelism, terms.max_failures)]
        args += [terms.hold, PRIORITIES.index(terms.priority) + 1, requests.ms(terms.life)]
        return _items(await self._call("tend", queue_of(terms.id), args))

    async def look(self, batch: str) -> BatchItems | None:
        """See Batching."""
        return _items(await self._call("look", queue_of(batch), [batch_uid(batch)]))

    async def send_items(self, messages: Sequence[Envelope]) -> int | None:
        """See Batching."""
        batch, _ = _item(messages[0].id)
        args: requests.Args = [batch_uid(batch)]
        for message in messages:
            args += (_item(message.id)[1], envelopes.encode(message))
        taken = replies.integer(await self._call("send_items", queue_of(batch), args))
        return None if taken == GONE else taken

    async def recall_items(self, batch: str, indexes: Sequence[int]) -> int:
        """See Batching."""
        return replies.integer(await self._call("recall_items", queue_of(batch), [batch_uid(batch), *indexes]))

    async def cancel_items(self, outcomes: Sequence[Outcome], *, reason: str, life: float) -> int:
        """See Batching."""
        batch, _ = _item(outcomes[0].id)
        keys = self.keys(queue_of(batch))
        args: requests.Args = [batch_uid(batch), keys.control, keys.done, requests.ms(life), reason]
        return replies.integer(await self._call("cancel_items", keys.queue, [*args, *_cancelled(outcomes)]))

    async def retry_items(self, batch: str, run: int, limit: int) -> bool:
        """See Batching."""
        return bool(await self._call("retry_items", queue_of(batch), [batch_uid(batch), run, limit]))

    async def forget_batch(self, batch: str) -> None:
        """See Batching."""
        await self._call("forget_batch", queue_of(batch), [batch_uid(batch)])


def _cancelled(ends: Sequence[Outcome]) -> requests.Args:
    """Two an outcome."""
    args: requests.Args = []
    for end in ends:
        args += (_item(end.id)[1], outcomes.encode(end))
    return args


def _item(id: str) -> tuple[str, int]:
    found = item_of(id)
    assert found is not None, f"{id} is no item of a batch"
    return found


def _items(reply: Reply) -> BatchItems | None:
    if not reply:
        return None
    items, held, run, retry_from = replies.sequence(reply)
    return BatchItems(
        replies.blob(items), replies.integer(held), replies.integer(run), replies.integer(retry_from) >= 0
    )
