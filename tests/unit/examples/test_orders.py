"""The order workflow: all of it or none, also where a worker dies in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from orders import tasks
from orders.tasks import Order, Shop, app, fulfil

from penstock import TaskContext
from penstock.testing import Sandbox


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop()
    monkeypatch.setattr(tasks, "shop", shop)
    return shop


@pytest.fixture
def box(penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(app)


async def ended(box: Sandbox, order: Order) -> str:
    handle = await fulfil.enqueue(order)
    await box.drain()
    return await handle.result()


async def test_an_order_goes_through(shop: Shop, box: Sandbox) -> None:
    assert await ended(box, Order(7, "teapot", 2900)) == "shipped"
    assert (shop.stock["teapot"], shop.paid, shop.shipped) == (2, {7: 2900}, {7})


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Order(1, "urn", 100), "no urn in stock"),
        (Order(2, "teapot", 99_000), "the bank doesn't grant 990.00"),
        (Order(3, "samovar", 9_900), "the carrier doesn't take a samovar"),
    ],
)
async def test_what_was_done_is_taken_back(shop: Shop, box: Sandbox, order: Order, why: str) -> None:
    assert await ended(box, order) == f"cancelled: {why}"
    assert (shop.stock, shop.reserved, shop.paid, shop.shipped) == (Shop().stock, {}, {}, set())


async def test_steps_that_fail_for_a_while_are_tried_again(shop: Shop, box: Sandbox) -> None:
    box.fail(tasks.charge, ConnectionError("the bank is away"), times=2)
    assert await ended(box, Order(7, "teapot", 2900)) == "shipped"


async def test_an_order_goes_on_where_it_stopped(shop: Shop, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is started twice."""
    progress = TaskContext.progress
    trouble = iter([ConnectionError("the worker's end"), None, None, None])

    def interrupted(context: TaskContext, percent: float | None = None, message: str = "") -> None:
        progress(context, percent, message)
        if (error := next(trouble, None)) is not None:
            raise error

    monkeypatch.setattr(TaskContext, "progress", interrupted)
    assert await ended(box, Order(7, "teapot", 2900)) == "shipped"
    box.assert_enqueued(tasks.reserve, count=1)
    box.assert_enqueued(tasks.charge, count=1)
