"""The broker on Redis Streams (Redis ≥ 7.0, Valkey). The only package that knows redis."""

from penstock.broker.streams.broker import StreamsBroker

__all__ = ["StreamsBroker"]
