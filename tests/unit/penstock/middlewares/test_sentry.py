from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from penstock import Handle, Penstock, Retry, Snooze, TaskContext
from penstock.middlewares import Sentry
from penstock.outcome import Failure
from penstock.testing import worker
from tests.unit.penstock.worker import calls

CONTEXT = TaskContext(id="shop.1", task="shop.f", attempt=2)
FAILURE = Failure("ValueError", "no such user")


class Kept(Transport):
    """Keeps events instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.transactions: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        if (event := envelope.get_event()) is not None:
            self.events.append(event)
        if (transaction := envelope.get_transaction_event()) is not None:
            self.transactions.append(transaction)


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    sentry_sdk.init(
        dsn="https://key@sentry.example/1",
        transport=transport,
        default_integrations=False,
        integrations=[LoggingIntegration()],
        traces_sample_rate=1.0,
    )
    yield transport
    sentry_sdk.init()


async def broken() -> object:
    raise ValueError("no such user")


# --- what it is told --------------------------------------------------------------------------------------------------


async def test_an_exception_is_told_with_its_task(kept: Kept) -> None:
    sentry = Sentry()
    with TracerProvider().get_tracer("test").start_as_current_span("attempt") as span:
        with pytest.raises(ValueError, match="no such user"):
            await sentry.execute(CONTEXT, broken)
        await sentry.failed(CONTEXT, FAILURE, True)
    [event] = kept.events
    assert event["exception"]["values"][-1]["value"] == "no such user"
    assert event["exception"]["values"][-1]["mechanism"] == {"type": "penstock", "handled": False}
    assert event["transaction"] == "shop.f"
    tags = {"penstock.task": "shop.f", "penstock.attempt": "2", "penstock.id": "shop.1", "penstock.queue": "shop"}
    assert event["tags"] == tags | event["tags"]
    trace = f"{span.get_span_context().trace_id:032x}"
    assert event["contexts"]["penstock"] == {"id": "shop.1", "task": "shop.f", "attempt": 2, "trace_id": trace}
    assert event["contexts"]["trace"]["trace_id"] == kept.transactions[0]["contexts"]["trace"]["trace_id"]


@pytest.mark.parametrize(("retries", "events"), [(False, 0), (True, 1)])
async def test_an_attempt_that_is_tried_again_is_no_event_unless_wanted(kept: Kept, retries: bool, events: int) -> None:
    sentry = Sentry(retries=retries)
    with pytest.raises(ValueError, match="no such user"):
        await sentry.execute(CONTEXT, broken)
    await sentry.failed(CONTEXT, FAILURE, False)
    assert len(kept.events) == events


async def test_transactions_may_continue_opentelemetrys_trace(kept: Kept) -> None:
    async def fine() -> object:
        return 1

    with TracerProvider().get_tracer("test").start_as_current_span("attempt") as span:
        await Sentry(continue_traces=True).execute(CONTEXT, fine)
        await Sentry().execute(CONTEXT, fine)
    ours, own = (transaction["contexts"]["trace"]["trace_id"] for transaction in kept.transactions)
    assert ours == f"{span.get_span_context().trace_id:032x}" != own


# --- in a worker ------------------------------------------------------------------------------------------------------


def sentried(**options: bool) -> Penstock:
    app = Penstock("shop", url="memory://")
    app.add_middleware(Sentry(**options))
    return app


async def ended(app: Penstock, handle: Handle[Any]) -> None:
    async with worker(app, drain_seconds=1):
        await handle.wait(timeout=20)


def exception(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["exception"]["values"][-1]
    return found


async def test_one_event_when_the_last_attempt_has_failed(kept: Kept) -> None:
    app = sentried()

    @app.task(max_attempts=3)
    def fails(secret: str) -> None:
        raise Retry(0)

    await ended(app, await fails.enqueue("s3cret"))
    [event] = kept.events
    assert exception(event)["type"] == "Retry"
    assert event["tags"]["penstock.attempt"] == "3"
    assert [transaction["contexts"]["trace"]["status"] for transaction in kept.transactions] == ["aborted"] * 3
    assert {transaction["contexts"]["trace"]["op"] for transaction in kept.transactions} == {"queue.task.penstock"}
    assert {transaction["transaction"] for transaction in kept.transactions} == {"shop.fails"}


async def test_what_asks_to_run_later_is_no_event(kept: Kept) -> None:
    app, tries = sentried(), list[int]()

    @app.task
    async def later() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Snooze(0)

    await ended(app, await later.enqueue())
    assert kept.events == []
    assert [one["contexts"]["trace"]["status"] for one in kept.transactions] == ["aborted", "ok"]


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_timeout_is_an_event_with_where_it_was(kept: Kept, kind: str) -> None:
    app = sentried()

    @app.task(max_attempts=1, timeout=0.1)
    async def waits() -> None:
        await asyncio.sleep(30)

    @app.task(max_attempts=1, timeout=0.1)
    def holds() -> None:
        time.sleep(0.3)

    task: Any = waits if kind == "async" else holds
    await ended(app, await task.enqueue())
    [event] = kept.events
    assert exception(event)["type"] == "TimedOut"
    assert exception(event)["mechanism"]["handled"] is False
    assert event["tags"]["penstock.task"] == task.name
    if kind == "async":
        assert "waits" in [frame["function"] for frame in exception(event)["stacktrace"]["frames"]]


async def test_a_process_shows_the_exception_itself(kept: Kept) -> None:
    app = sentried()
    task: Any = app.task(max_attempts=1, run_in="process", name="shop.fail")(calls.raises_unpicklable)
    await ended(app, await task.enqueue())
    [event] = kept.events
    assert exception(event)["type"] == "Unpicklable"
    assert exception(event)["mechanism"] == {"type": "penstock", "handled": False}
    assert "raises_unpicklable" in [frame["function"] for frame in exception(event)["stacktrace"]["frames"]]


async def test_the_workers_own_lines_are_no_events(kept: Kept) -> None:
    Sentry()
    logging.getLogger("penstock.worker").error("shop.f shop.1: goes to the dead letters")
    assert kept.events == []


def steps(event: Any) -> list[str]:
    """The breadcrumbs without those of Sentry's own start, which runs git."""
    return [crumb["message"] for crumb in event["breadcrumbs"]["values"] if crumb.get("category") != "subprocess"]


async def test_breadcrumbs_are_the_attempts_own(kept: Kept) -> None:
    app = sentried()

    @app.task(max_attempts=1)
    async def fails(n: int) -> None:
        sentry_sdk.add_breadcrumb(message=f"step {n}")
        await asyncio.sleep(0)
        raise ValueError(n)

    async with worker(app):
        for handle in [await fails.enqueue(n) for n in range(3)]:
            await handle.wait(timeout=20)
    crumbs = {exception(event)["value"]: steps(event) for event in kept.events}
    assert crumbs == {str(n): [f"step {n}"] for n in range(3)}
