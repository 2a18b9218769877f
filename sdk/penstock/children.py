"""Sending children: tasks that end with their parent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.broker import Broker
from penstock.broker.messages import Receipt, Sent
from penstock.envelope import Envelope
from penstock.errors import SubmissionError
from penstock.family import Parent, made_again
from penstock.sending import Answer, Sender
from penstock.status import Phase
from penstock.submission import Signature

__all__ = ["Children"]

Calls = Sequence[Signature[Any]]


class Children:
    """Those among the calls that one client sends."""

    def __init__(self, broker: Broker, sender: Sender) -> None:
        self._broker = broker
        self._sender = sender

    async def adopt(self, calls: Calls, envelopes: Sequence[Envelope]) -> None:
        """Make those of them children that are to be. Before they are sent: a parent that ends meanwhile must know."""
        born: defaultdict[Parent, list[str]] = defaultdict(list)
        for call, envelope in zip(calls, envelopes, strict=True):
            if call.parent is not None:
                born[call.parent].append(envelope.id)
        for parent, ids in born.items():
            await parent.claimed()
            try:
                adopted = await self._broker.adopt(parent.lease, ids)
            except SubmissionError as error:
                error.open = False  # whatever became of that: nothing was sent
                raise
            if not adopted:
                raise SubmissionError(f"{parent.id} doesn't run any more: its lease was lost, and it gets no children")

    async def send(self, calls: Calls, envelopes: list[Envelope]) -> list[Answer]:
        """Send them, children or not. A child that an earlier attempt of its parent has sent is the same task, unless
        that has come to nothing: then it is made again, and its envelope is another."""
        answers = await self._sender(envelopes)
        while lost := await self._lost(calls, answers):
            for place in lost:
                envelopes[place] = msgspec.structs.replace(envelopes[place], id=made_again(envelopes[place].id))
            again = [envelopes[place] for place in lost]
            await self.adopt([calls[place] for place in lost], again)
            for place, answer in zip(lost, await self._sender(again), strict=True):
                answers[place] = answer
        return answers

    async def _lost(self, calls: Calls, answers: Sequence[Answer]) -> list[int]:
        """The places of children that were sent before and have ended without a result."""
        known = {
            place: answer.id
            for place, (call, answer) in enumerate(zip(calls, answers, strict=True))
            if call.parent is not None and isinstance(answer, Receipt) and answer.sent is Sent.KNOWN
        }
        seen = await self._broker.snapshots(list(known.values()))
        return [
            place
            for place, one in zip(known, seen, strict=True)
            if one is not None and one.phase.terminal and one.phase is not Phase.SUCCEEDED
        ]
