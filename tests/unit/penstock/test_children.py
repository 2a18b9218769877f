"""Children of a task that was started while its claim is under way."""

from __future__ import annotations

import asyncio

from penstock import Penstock
from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Claimer
from penstock.client import BrokerClient
from penstock.definition import Definition, Options
from penstock.family import Parent
from penstock.submission import CallOptions, Signature

ME = Claimer("w", "pod-1")


def call(parent: Parent | None = None) -> Signature[int]:
    definition, app = Definition("shop.send", len, Options("mail")), Penstock("shop", url="memory://")
    return Signature(definition, ("abc",), {}, CallOptions(), app, parent)


async def test_they_wait_for_the_answer_to_its_claim() -> None:
    broker, answered = MemoryBroker("test"), asyncio.Event()
    client = BrokerClient(broker)
    await broker.claim("mail", ME, 1)
    await client.submit(call())
    [read] = await broker.listen("mail", ME, 1.0)

    async def claimed() -> None:
        await answered.wait()

    submitting = asyncio.create_task(client.submit(call(Parent(read.presumed.lease, claimed))))
    for _ in range(20):  # as far as it comes without the answer
        await asyncio.sleep(0)
    [begun] = (await broker.claim("mail", ME, 0, read=[read])).begun
    answered.set()
    handle = await asyncio.wait_for(submitting, 5)
    assert begun.lease == read.presumed.lease
    assert handle.id.startswith("mail.")
