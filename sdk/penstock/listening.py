"""Listening on all addresses of a host: by IPv4 and IPv6, or by what there is of them."""

from __future__ import annotations

import socket

__all__ = ["listener"]


def listener(port: int) -> socket.socket:
    """A socket that listens on that port. Raises OSError where it can't be had."""
    try:
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except (OSError, ValueError):  # no IPv6 here, or the port is taken, which the next line says, too
        return socket.create_server(("", port))
