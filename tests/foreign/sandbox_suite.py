"""Somebody's tests, for pytest-xdist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock import Penstock

app = Penstock("shop", url="redis://127.0.0.1:1/0")


@app.task
def double(n: int) -> int:
    return 2 * n


@pytest.mark.parametrize("n", range(40))
def test_sandbox(penstock_sandbox: Callable[..., Any], n: int) -> None:
    box = penstock_sandbox(app)
    handle = double.enqueue_sync(n)
    box.assert_enqueued(double, args=[n], count=1)
    box.drain_sync()
    assert handle.result_sync() == 2 * n


@pytest.mark.parametrize("n", range(40))
def test_inline(penstock_inline: Callable[..., None], n: int) -> None:
    penstock_inline(app)
    assert double.delay(n).result_sync() == 2 * n
