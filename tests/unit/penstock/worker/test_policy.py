from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.messages import QueueConfig
from penstock.definition import Definition, Options
from penstock.envelope import Envelope, ResourceRef
from penstock.retry import RetryPolicy
from penstock.worker import policy as module
from penstock.worker.policy import REPORTED_SECONDS, RESULT_SECONDS, Policies, resolve
from tests.unit.penstock.worker.brokers import FlakyBroker
from tests.waiting import wait_for

PLAIN = Envelope(id="mail.1", task="shop.send", queue="mail", created_at=1.0)
REF = ResourceRef("shop", "welcome", "uid-1")

retries = st.none() | st.builds(RetryPolicy, st.integers(1, 9))
seconds = st.none() | st.floats(0.001, 1e6)


@given(retries, retries, retries, seconds, seconds, seconds)
def test_the_call_goes_before_the_declaration_and_that_before_the_queue(
    r1: RetryPolicy | None,
    r2: RetryPolicy | None,
    r3: RetryPolicy | None,
    t1: float | None,
    t2: float | None,
    t3: float | None,
) -> None:
    envelope = msgspec.structs.replace(PLAIN, retry=r1, timeout=t1, result_ttl=t3)
    options = Options("mail", retry=r2, timeout=t2, result_ttl=t1)
    policy = resolve(envelope, options, QueueConfig(retry=r3, timeout=t3, result_ttl=t2))
    assert policy.retry == next(r for r in (r1, r2, r3, RetryPolicy()) if r is not None)
    assert policy.timeout == next((t for t in (t1, t2, t3) if t is not None), None)
    assert policy.result_ttl == next(t for t in (t3, t1, t2, RESULT_SECONDS) if t is not None)


def test_a_task_that_nobody_here_knows_has_the_queues_policy() -> None:
    assert resolve(PLAIN, None, QueueConfig(timeout=7.0)).timeout == 7.0


def test_nothing_said_means_the_defaults() -> None:
    policy = resolve(PLAIN, Options("mail"), QueueConfig())
    assert (policy.retry, policy.timeout, policy.result_ttl) == (RetryPolicy(), None, 3600)


@given(seconds)
def test_a_resources_record_outlives_trouble_in_reporting(ttl: float | None) -> None:
    envelope = msgspec.structs.replace(PLAIN, resource=REF, result_ttl=ttl)
    assert resolve(envelope, None, QueueConfig()).result_ttl >= REPORTED_SECONDS


@pytest.fixture
def broker() -> FlakyBroker:
    return FlakyBroker()


@asynccontextmanager
async def following(policies: Policies, queues: Sequence[str] = ("mail",)) -> AsyncIterator[None]:
    task = asyncio.create_task(policies.follow(queues))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def known(policies: Policies, config: QueueConfig, queue: str = "mail") -> None:
    async def read() -> bool:
        return policies.config(queue) == config

    await wait_for(read, f"{config} of {queue}", patience=5)


def rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 3600)


async def test_a_queues_settings_are_read_every_few_seconds(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.01)
    policies = Policies(broker)
    async with following(policies):
        for timeout in (7.0, 8.0):
            await broker.configure("mail", QueueConfig(timeout=timeout))
            await known(policies, QueueConfig(timeout=timeout))


async def test_settings_that_have_changed_are_read_at_once(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rarely(monkeypatch)
    policies = Policies(broker)
    await broker.configure("mail", QueueConfig(timeout=7.0))
    async with following(policies, ["mail", "other"]):
        await known(policies, QueueConfig(timeout=7.0))
        await broker.configure("other", QueueConfig(timeout=8.0))
        policies.changed()
        await known(policies, QueueConfig(timeout=8.0), "other")
        assert policies.config("mail").timeout == 7.0


async def test_a_change_that_is_told_while_they_are_read_is_not_missed(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rarely(monkeypatch)
    policies = Policies(broker)
    reading, answer = asyncio.Event(), asyncio.Event()
    config = broker.config

    async def slow(queue: str) -> QueueConfig:
        found = await config(queue)
        reading.set()
        await answer.wait()
        return found

    monkeypatch.setattr(broker, "config", slow)
    async with following(policies):
        await asyncio.wait_for(reading.wait(), 5)
        await broker.configure("mail", QueueConfig(timeout=7.0))
        policies.changed()
        answer.set()
        await known(policies, QueueConfig(timeout=7.0))


async def test_while_the_broker_is_away_the_last_known_settings_hold(
    broker: FlakyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.01)
    policies = Policies(broker)
    await broker.configure("mail", QueueConfig(timeout=7.0))
    async with following(policies):
        await known(policies, QueueConfig(timeout=7.0))
        broker.outages["config"] = 3

        async def over() -> bool:
            return broker.outages["config"] == 0

        await wait_for(over, "the outage to pass", patience=5)
    assert policies.config("mail") == QueueConfig(timeout=7.0)
    assert policies.config("other") == QueueConfig()


async def test_the_policy_of_a_task_comes_from_all_of_them(broker: FlakyBroker) -> None:
    policies = Policies(broker)
    config = QueueConfig(timeout=7.0, result_ttl=60.0)
    await broker.configure("mail", config)
    async with following(policies):
        await known(policies, config)
    policy = policies.of(PLAIN, DEFINITION)
    assert (policy.timeout, policy.result_ttl) == (3.0, 60.0)


DEFINITION = Definition("shop.send", len, Options("mail", timeout=3.0))


async def test_tasks_that_ask_for_nothing_share_their_policy(broker: FlakyBroker) -> None:
    policies = Policies(broker)
    assert policies.of(PLAIN, DEFINITION) is policies.of(msgspec.structs.replace(PLAIN, id="mail.2"), DEFINITION)


async def test_who_asks_for_something_gets_it_and_spoils_nobody_elses(broker: FlakyBroker) -> None:
    policies = Policies(broker)
    for asks in ({"timeout": 9.0}, {"result_ttl": 9.0}, {"retry": RetryPolicy(9)}, {"resource": REF}):
        own = msgspec.structs.replace(PLAIN, **asks)
        assert policies.of(own, DEFINITION) == resolve(own, DEFINITION.options, QueueConfig())
        assert policies.of(PLAIN, DEFINITION) == resolve(PLAIN, DEFINITION.options, QueueConfig())


async def test_new_settings_reach_tasks_whose_policy_is_shared(broker: FlakyBroker) -> None:
    policies = Policies(broker)
    before = policies.of(PLAIN, DEFINITION)
    await broker.configure("mail", QueueConfig(result_ttl=60.0))
    async with following(policies):
        await known(policies, QueueConfig(result_ttl=60.0))
    assert (before.result_ttl, policies.of(PLAIN, DEFINITION).result_ttl) == (RESULT_SECONDS, 60.0)
