"""The function that takes and returns a pydantic model. Imported only where the system brings pydantic."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.peers import functions, probe
from pydantic import BaseModel

__all__ = ["ARGUMENTS", "ORDER", "Order", "model"]


class Order(BaseModel):
    """Four fields of different types."""

    number: int
    customer: str
    amount: float
    urgent: bool = False


async def model(order: Order) -> Order:
    """Give back what it takes."""
    probe.started()
    return order


ORDER = Order(number=42, customer="Ada Lovelace", amount=19.9, urgent=True)
ARGUMENTS: Mapping[str, Mapping[str, object]] = {**functions.ARGUMENTS, "model": {"order": ORDER}}
