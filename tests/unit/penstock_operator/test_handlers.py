from __future__ import annotations

import asyncio

from penstock_operator.handlers import _Process


def test_no_handler_is_run_in_a_thread() -> None:
    """As kopf would run whatever isn't a coroutine; the operator's parts belong to its event loop."""
    handlers = [getattr(_Process, name) for name in ("start", "stop")]
    assert all(asyncio.iscoroutinefunction(handler) for handler in handlers)
