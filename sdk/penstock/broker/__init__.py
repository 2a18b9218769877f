"""Brokers, and choosing one by its URL."""

from __future__ import annotations

from penstock.broker.protocol import Broker
from penstock.errors import ConfigurationError

__all__ = ["Broker", "connect"]


def connect(url: str, namespace: str) -> Broker:
    """The broker at `url` (redis://, rediss:// or memory://), for one namespace. Nothing is sent yet."""
    scheme = url.partition("://")[0]
    if scheme in ("redis", "rediss"):
        from penstock.broker.streams import StreamsBroker

        return StreamsBroker(url, namespace)
    if scheme == "memory":
        from penstock.broker.memory import MemoryBroker

        return MemoryBroker(namespace)
    raise ConfigurationError(f"broker URL {url.rsplit('@', 1)[-1]!r}: use redis://, rediss:// or memory://")
