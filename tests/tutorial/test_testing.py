"""Testing code that uses tasks: in memory, with a clock that jumps instead of waiting. The fixture `penstock_sandbox`
is there wherever Penstock is installed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from penstock import Depends, Penstock, Phase, Retry, RetryPolicy, TaskContext
from penstock.testing import Sandbox

# The service's own code, with Redis configured, as it runs in production:

app = Penstock("shop", url="redis://redis.example:6379/0")


def mail_server() -> str:
    return "smtp.example"


@app.task(queue="emails")
async def send_welcome(user: int, on: date, server: str = Depends(mail_server)) -> str:
    return f"{user} on {on:%d.%m.} by {server}"


@app.task(retry=RetryPolicy(5, initial=60.0, jitter=False))
async def flaky(context: TaskContext = TaskContext()) -> int:
    if context.attempt < 3:
        raise Retry
    return context.attempt


async def sign_up(user: int) -> None:
    await send_welcome.enqueue(user, on=date(2027, 1, 1))


# And its tests:


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(app)


async def test_signing_up_enqueues_a_mail(box: Sandbox) -> None:
    await sign_up(42)
    box.assert_enqueued(send_welcome, args=[42, date(2027, 1, 1)], queue="emails", count=1)
    box.assert_not_enqueued(flaky)


async def test_a_wrong_expectation_tells_what_there_was_instead(box: Sandbox) -> None:
    await sign_up(42)
    with pytest.raises(AssertionError, match=r"it was 0 times\. Enqueued:\n  shop\.send_welcome\(42, on=.*on emails"):
        box.assert_enqueued(send_welcome, args=[43, date(2027, 1, 1)])


async def test_what_is_queued_is_run_when_the_test_says_so(box: Sandbox) -> None:
    handle = await send_welcome.enqueue(42, date(2027, 1, 1))
    assert (await handle.status()).phase is Phase.QUEUED
    app.dependency_overrides[mail_server] = lambda: "nobody"
    await box.drain()
    assert await handle.result() == "42 on 01.01. by nobody"


async def test_the_sandbox_forgets_what_was_put_in_place_for_a_test(box: Sandbox) -> None:
    assert not app.dependency_overrides


async def test_delays_and_retries_take_no_time(box: Sandbox) -> None:
    began = box.clock.now
    handle = await flaky.options(delay=3600).enqueue()
    await box.drain(advance=False)
    assert (await handle.status()).phase is Phase.QUEUED
    await box.drain()
    assert await handle.result() == 3
    assert box.clock.now == pytest.approx(began + 3600 + 60 + 120)


async def test_what_is_due_is_run_without_a_jump(box: Sandbox) -> None:
    handle = await send_welcome.options(delay=60).enqueue(42, date(2027, 1, 1))
    box.clock.advance(61)
    await box.drain(advance=False)
    assert (await handle.wait()) is Phase.SUCCEEDED


async def test_faults_are_injected(box: Sandbox) -> None:
    box.fail(send_welcome, ConnectionError("no route"), times=2)
    handle = await send_welcome.enqueue(42, date(2027, 1, 1))
    await box.drain()
    assert (await handle.status()).attempts == 3
    assert (await handle.wait()) is Phase.SUCCEEDED


async def test_deadlines_pass(box: Sandbox) -> None:
    handle = await send_welcome.options(expires=60).enqueue(42, date(2027, 1, 1))
    box.clock.advance(61)
    await box.drain()
    assert (await handle.wait()) is Phase.FAILED


async def test_eager_runs_it_before_enqueue_returns(penstock_sandbox: Callable[..., Sandbox]) -> None:
    penstock_sandbox(app, eager=True)
    handle = await send_welcome.enqueue(42, date(2027, 1, 1))
    assert (await handle.status()).phase is Phase.SUCCEEDED


def test_sync_code_is_tested_likewise(box: Sandbox) -> None:
    handle = send_welcome.enqueue_sync(42, date(2027, 1, 1))
    box.drain_sync()
    assert handle.result_sync() == "42 on 01.01. by smtp.example"
