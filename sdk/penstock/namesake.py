"""A call that was given the id of another task's call: it would get that one's result, and never run."""

from __future__ import annotations

from typing import Any

from penstock.broker import Broker
from penstock.broker.messages import Receipt, Sent
from penstock.errors import ConfigurationError
from penstock.submission import Signature

__all__ = ["check_namesake"]


async def check_namesake(broker: Broker, call: Signature[Any], receipt: Receipt) -> None:
    """Raise ConfigurationError for one. Only where the id was known already is there anything to ask."""
    if receipt.sent is not Sent.KNOWN or call.options.id is None:
        return
    name = await broker.named(receipt.id)
    if name and name != call.definition.name:
        raise ConfigurationError(
            f"{call.definition.name}: options(id={call.options.id!r}): {receipt.id} is a call of {name} already; give "
            "each task's calls ids of their own, or a queue of their own"
        )
