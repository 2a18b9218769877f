from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.protocol import QueueConfig
from penstock.definition import Definition, Options
from penstock.envelope import Envelope, ResourceRef
from penstock.retry import RetryPolicy
from penstock.worker.policy import FRESH_SECONDS, REPORTED_SECONDS, RESULT_SECONDS, Policies, resolve
from tests.unit.penstock.worker.brokers import FlakyBroker

PLAIN = Envelope(id="mail/1", task="shop.send", queue="mail", created_at=1.0)
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
    policy = resolve(envelope, options, QueueConfig(r3, t3, t2))
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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def broker() -> FlakyBroker:
    return FlakyBroker()


async def test_a_queues_settings_are_read_again_when_they_are_old(broker: FlakyBroker) -> None:
    clock = Clock()
    policies = Policies(broker, clock)
    await policies.config("mail")
    await broker.configure("mail", QueueConfig(timeout=7.0))
    clock.now = FRESH_SECONDS - 0.1
    assert (await policies.config("mail")).timeout is None
    clock.now = FRESH_SECONDS
    assert (await policies.config("mail")).timeout == 7.0
    assert broker.calls["config"] == 2


async def test_while_the_broker_is_away_the_last_known_settings_hold(broker: FlakyBroker) -> None:
    clock = Clock()
    policies = Policies(broker, clock)
    await broker.configure("mail", QueueConfig(timeout=7.0))
    await policies.config("mail")
    clock.now, broker.outages["config"] = 60.0, 1
    assert (await policies.config("mail")).timeout == 7.0
    broker.outages["config"] = 1
    assert await policies.config("other") == QueueConfig()


async def test_the_policy_of_a_task_comes_from_all_of_them(broker: FlakyBroker) -> None:
    await broker.configure("mail", QueueConfig(timeout=7.0, result_ttl=60.0))
    definition = Definition("shop.send", len, Options("mail", timeout=3.0))
    policy = await Policies(broker).of(PLAIN, definition)
    assert (policy.timeout, policy.result_ttl) == (3.0, 60.0)
