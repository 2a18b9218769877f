"""Short words for the contract tests: messages, claims and settlements of one queue."""

from __future__ import annotations

import time

from penstock.broker import Broker
from penstock.broker.messages import Begun, Claimer, Limits, QueueConfig, Settlement, Verb
from penstock.envelope import Envelope
from penstock.outcome import Failure, Outcome
from penstock.status import Phase

LIFE = 60.0
A, B = Claimer("a", "worker-a"), Claimer("b", "worker-b")


def message(unique: str, /, **fields: object) -> Envelope:
    return Envelope(id=f"mail.{unique}", task="shop.send", queue="mail", created_at=time.time(), **fields)  # type: ignore[arg-type]  # test data


async def claim(broker: Broker, budget: int = 10, by: Claimer = A, *, alone: bool = False) -> list[Begun]:
    return (await broker.claim("mail", by, budget, alone=alone)).begun


async def names(broker: Broker, budget: int = 10, by: Claimer = A) -> list[str]:
    return [begun.lease.id.partition(".")[2] for begun in await claim(broker, budget, by)]


async def start_one(broker: Broker, unique: str = "1", /, **fields: object) -> Begun:
    await broker.send([message(unique, **fields)])
    [begun] = await claim(broker)
    return begun


def ended(begun: Begun, phase: Phase = Phase.SUCCEEDED, life: float = LIFE, **fields: object) -> Settlement:
    outcome = Outcome(id=begun.lease.id, task="shop.send", phase=phase, finished_at=time.time(), **fields)  # type: ignore[arg-type]  # test data
    return Settlement(lease=begun.lease, verb=Verb.END, phase=phase, outcome=outcome, life=life)


def again(begun: Begun, verb: Verb, delay: float = 0.0) -> Settlement:
    phase = Phase.RETRYING if verb is Verb.RETRY else Phase.QUEUED
    return Settlement(lease=begun.lease, verb=verb, phase=phase, delay=delay)


def cancelled(unique: str) -> Outcome:
    failure = Failure("Cancelled", "by the test")
    return Outcome(
        id=f"mail.{unique}", task="shop.send", phase=Phase.CANCELLED, finished_at=time.time(), failure=failure
    )


async def limited(broker: Broker, **limits: object) -> None:
    await broker.configure("mail", QueueConfig(limits=Limits(**limits)))  # type: ignore[arg-type]  # test data
