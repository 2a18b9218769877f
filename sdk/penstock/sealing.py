"""What an app may do to arguments, results and checkpoints on their way through the broker, such as encrypting them.

A sealed message names its codec, so that old and new workers, and apps with different keys, tell each other's apart:
one that hasn't the codec parks the task for one that has. Task resources are never sealed: all that is in them shows.
"""

from __future__ import annotations

from typing import Protocol

from penstock.errors import ConfigurationError

__all__ = ["FAILED", "PayloadCodec", "opened", "sealed"]

FAILED = b"null"  # the input of a source that failed: nobody has sealed it


class PayloadCodec(Protocol):
    """Bytes to bytes and back. `name` travels with them: change it with the key, if old messages can't be read."""

    @property
    def name(self) -> str:
        """Which codec it is."""

    def encode(self, data: bytes) -> bytes:
        """What is sent instead of `data`, which is JSON."""

    def decode(self, data: bytes) -> bytes:
        """The JSON back. Raises ValueError where it can't be had."""


def sealed(data: bytes, codec: PayloadCodec | None) -> bytes:
    """The bytes as they travel."""
    return data if codec is None else codec.encode(data)


def opened(data: bytes, name: str, codec: PayloadCodec | None) -> bytes:
    """The bytes as they were. Raises ConfigurationError where that takes another codec, ValueError as it does."""
    if not name or data == FAILED:
        return data
    if codec is None or codec.name != name:
        known = f"has the codec {codec.name!r}" if codec else "has none"
        raise ConfigurationError(f"sealed by the codec {name!r}, and this app {known}: Penstock(codec=…)")
    return codec.decode(data)
