"""Whether a Redis can be relied on: its version, and that it never throws keys away."""

from __future__ import annotations

__all__ = ["eviction", "outdated"]

_LEAST = (7, 0)


def _field(info: str, name: str) -> str:
    return next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith(f"{name}:")), "")


def outdated(info: str) -> str:
    """The version in INFO's text, if it is too old; else ""."""
    version = _field(info, "redis_version")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return version if numbers and numbers < _LEAST else ""


def eviction(info: str) -> str:
    """The policy in INFO's text by which tasks would be lost once memory is full; else ""."""
    policy = _field(info, "maxmemory_policy")
    return policy if _field(info, "maxmemory") not in ("", "0") and policy not in ("", "noeviction") else ""
