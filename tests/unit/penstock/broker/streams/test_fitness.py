from __future__ import annotations

import pytest

from penstock.broker.streams.fitness import eviction, outdated


@pytest.mark.parametrize(
    ("version", "too_old"),
    [("6.2.14", True), ("5.0", True), ("7.0.0", False), ("7.0.15", False), ("8.2.1", False), ("10.0.0", False)],
)
def test_versions(version: str, too_old: bool) -> None:
    info = f"# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n"
    assert outdated(info) == (version if too_old else "")


@pytest.mark.parametrize(
    ("maxmemory", "policy", "at_risk"),
    [
        ("0", "allkeys-lru", False),
        ("100", "noeviction", False),
        ("100", "allkeys-lru", True),
        ("100", "volatile-ttl", True),
    ],
)
def test_eviction(maxmemory: str, policy: str, at_risk: bool) -> None:
    info = f"used_memory:1\r\nmaxmemory:{maxmemory}\r\nmaxmemory_human:1B\r\nmaxmemory_policy:{policy}\r\n"
    assert eviction(info) == (policy if at_risk else "")


def test_what_says_nothing_passes() -> None:
    assert (outdated(""), eviction("")) == ("", "")
