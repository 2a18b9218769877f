"""One task for each place where code can use the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Annotated

from proj.penstock import app

from penstock import Depends
from shop.models import Order


def first_order() -> Iterator[int]:
    yield Order.objects.order_by("id").values_list("id", flat=True)[0]


@app.task(max_attempts=1)
def pack(order: int) -> str:
    Order.objects.filter(id=order).update(packed_by="thread")
    return threading.current_thread().name


@app.task(max_attempts=1)
async def pack_async(order: int) -> str:
    found = await Order.objects.aget(id=order)
    found.packed_by = "loop"
    await found.asave()
    return found.item


@app.task(max_attempts=1, run_in="process")
def pack_apart(order: int) -> str:
    Order.objects.filter(id=order).update(packed_by="process")
    return Order.objects.get(id=order).item


@app.task(max_attempts=1)
async def pack_first(order: Annotated[int, Depends(first_order)]) -> int:
    await Order.objects.filter(id=order).aupdate(packed_by="dependency")
    return order


@app.task(max_attempts=2)
def lose(order: int) -> None:
    Order.objects.get(id=order).delete()
    raise ValueError(f"order {order} is lost")


@app.task(max_attempts=1)
def connections() -> int:
    """How many connections to the database this project holds now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = '' AND datname = 'postgres'")
        count: int = cursor.fetchone()[0]
        return count
