"""Codecs: they encrypt or compress arguments, results and checkpoints on their way through the broker.

A message names its codec. A worker without that codec parks the task for a worker that has it. So apps with different
keys, and old and new workers, can share a queue. Task resources are never encoded: everyone who can read a resource
sees its content.
"""

from __future__ import annotations

from typing import Protocol

from penstock.errors import ConfigurationError

__all__ = ["FAILED", "PayloadCodec", "opened", "sealed"]

FAILED = b"null"  # the input from a task that failed; it is never encoded


class PayloadCodec(Protocol):
    """Converts bytes to bytes and back. `name` is stored in each message. Change it when you change the key."""

    @property
    def name(self) -> str:
        """The name of the codec."""

    def encode(self, data: bytes) -> bytes:
        """Encode `data`, which is JSON."""

    def decode(self, data: bytes) -> bytes:
        """Decode it to JSON. Raises ValueError if that isn't possible."""


def sealed(data: bytes, codec: PayloadCodec | None) -> bytes:
    """The bytes to store in the broker."""
    return data if codec is None else codec.encode(data)


def opened(data: bytes, name: str, codec: PayloadCodec | None) -> bytes:
    """The original bytes. Raises ConfigurationError if another codec encoded them, ValueError as `decode` does."""
    if not name or data == FAILED:
        return data
    if codec is None or codec.name != name:
        known = f"has the codec {codec.name!r}" if codec else "has no codec"
        raise ConfigurationError(f"encoded by the codec {name!r}, but this app {known}: pass it to Penstock(codec=…)")
    return codec.decode(data)
