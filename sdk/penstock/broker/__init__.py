"""Brokers, and choosing one by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.broker.protocol import Broker
from penstock.errors import ConfigurationError

__all__ = ["REDIS", "Broker", "connect"]

# Told here as well as in `streams/address.py`: `memory://` needs no redis library.
REDIS = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)


def connect(url: str, namespace: str, clock: Callable[[], float] = time.time, *, submitter: bool = False) -> Broker:
    """The broker at `url`, for one namespace. `clock` is the one that messages' times are meant by; memory:// goes by
    it altogether. A `submitter` waits less long for a reply. Nothing is sent yet. Raises ConfigurationError."""
    scheme = url.partition("://")[0]
    if scheme in REDIS:
        from penstock.broker.streams import StreamsBroker

        return StreamsBroker(url, namespace, clock=clock, submitter=submitter)
    if scheme == "memory":
        from penstock.broker.memory import MemoryBroker

        return MemoryBroker(namespace, clock=clock)
    # It isn't shown: whatever it is, there may be a password in it.
    raise ConfigurationError(f"broker URL: use {', '.join(f'{known}://' for known in (*REDIS, 'memory'))}")
