from __future__ import annotations

import socket

import pytest

from penstock.listening import listener


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_listens_by_both_protocols(address: str) -> None:
    if address == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this host has no IPv6")
    with listener(0) as server, socket.create_connection((address, server.getsockname()[1]), timeout=5):
        pass


def test_without_ipv6_by_the_other_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = socket.create_server

    def old(address: tuple[str, int], *, family: int = socket.AF_INET, dualstack_ipv6: bool = False) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return made(address, family=family)

    monkeypatch.setattr(socket, "create_server", old)
    with listener(0) as server, socket.create_connection(("127.0.0.1", server.getsockname()[1]), timeout=5):
        pass


def test_a_port_that_is_taken() -> None:
    with listener(0) as server, pytest.raises(OSError, match="in use"):
        listener(server.getsockname()[1])
