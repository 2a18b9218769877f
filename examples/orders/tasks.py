"""An order in three steps, each with what takes it back: what was done is undone if a later step fails.

    penstock dev orders.tasks:app
    orders.fulfil '{"number": 7, "item": "teapot", "cents": 2900}'

`fulfil` starts the steps as its children and notes in a checkpoint which it has started. A worker that dies in
mid-order loses none of that: the next one goes on with the same steps, and starts none twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock import Penstock, Task, TaskContext, TaskFailed

__all__ = ["Order", "Shop", "app", "shop"]

app = Penstock("orders")


@dataclass(frozen=True)
class Order:
    """What somebody wants, and what it costs."""

    number: int
    item: str
    cents: int


class Refused(Exception):
    """A step says no. To ask again wouldn't help."""


@dataclass
class Shop:
    """The services that an order needs, as far as this example goes. Each takes a repeated request for what it is."""

    stock: dict[str, int] = field(default_factory=lambda: {"teapot": 3, "samovar": 1})
    reserved: dict[int, str] = field(default_factory=dict)
    paid: dict[int, int] = field(default_factory=dict)
    shipped: set[int] = field(default_factory=set)
    limit: int = 50_000  # cents that the bank grants
    heaviest: str = "samovar"  # what the carrier won't take


shop = Shop()


@app.task(give_up_on=(Refused,))
async def reserve(order: Order) -> None:
    """Put the item aside."""
    if order.number in shop.reserved:
        return
    if not shop.stock.get(order.item):
        raise Refused(f"no {order.item} in stock")
    shop.stock[order.item] -= 1
    shop.reserved[order.number] = order.item


@app.task
async def release(order: Order) -> None:
    """Put it back."""
    if item := shop.reserved.pop(order.number, None):
        shop.stock[item] += 1


@app.task(give_up_on=(Refused,))
async def charge(order: Order) -> None:
    """Take the money."""
    if order.cents > shop.limit:
        raise Refused(f"the bank doesn't grant {order.cents / 100:.2f}")
    shop.paid[order.number] = order.cents


@app.task
async def refund(order: Order) -> None:
    """Give it back."""
    shop.paid.pop(order.number, None)


@app.task(give_up_on=(Refused,))
async def ship(order: Order) -> None:
    """Hand it to the carrier, who doesn't give it back."""
    if order.item == shop.heaviest:
        raise Refused(f"the carrier doesn't take a {order.item}")
    shop.shipped.add(order.number)


STEPS: tuple[tuple[Task[[Order], None], Task[[Order], None] | None], ...] = (
    (reserve, release),
    (charge, refund),
    (ship, None),
)


@app.task
async def fulfil(order: Order, context: TaskContext = TaskContext()) -> str:
    """All steps, or none."""
    started: list[str] = context.saved or []
    for number, (step, _) in enumerate(STEPS):
        if number == len(started):
            started.append((await step.options(child=True).enqueue(order)).id)
            await context.checkpoint(started)
        try:
            await app.handle(started[number]).result()
        except TaskFailed as failed:
            await undo(order, number)
            return f"cancelled: {failed.message}"
        context.progress(100 * (number + 1) / len(STEPS), step.name)
    return "shipped"


async def undo(order: Order, failed: int) -> None:
    """Take back what was done before the step that failed, the last first. To do that twice does no harm."""
    for _, back in reversed(STEPS[:failed]):
        if back is not None:
            await (await back.enqueue(order)).result()
