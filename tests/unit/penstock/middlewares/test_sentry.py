from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.transport import Transport

from penstock import Retry, Snooze, TaskContext
from penstock.middlewares import Sentry

CONTEXT = TaskContext(id="shop.1", task="shop.f", attempt=2)


class Kept(Transport):
    """Keeps events instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        if (event := envelope.get_event()) is not None:
            self.events.append(event)


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    sentry_sdk.init(dsn="https://key@sentry.example/1", transport=transport, default_integrations=False)
    yield transport
    sentry_sdk.init()


async def broken() -> object:
    raise ValueError("no such user")


async def test_an_exception_is_told_with_its_task(kept: Kept) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("attempt") as span, pytest.raises(ValueError):  # noqa: PT011
        await Sentry().execute(CONTEXT, broken)
    [event] = kept.events
    assert event["exception"]["values"][-1]["value"] == "no such user"
    assert event["transaction"] == "shop.f"
    assert event["tags"] == {"penstock.task": "shop.f", "penstock.attempt": "2"} | event["tags"]
    trace = f"{span.get_span_context().trace_id:032x}"
    assert event["contexts"]["penstock"] == {"id": "shop.1", "task": "shop.f", "attempt": 2, "trace_id": trace}


@pytest.mark.parametrize(("retries", "events"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("asked", [Retry(1), Snooze(1)])
async def test_a_retry_is_no_error_unless_wanted(kept: Kept, asked: Exception, retries: bool, events: int) -> None:
    async def again() -> object:
        raise asked

    with pytest.raises(type(asked)):
        await Sentry(retries=retries).execute(CONTEXT, again)
    assert len(kept.events) == events
