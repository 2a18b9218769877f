"""The HTTP session of a connection to an API server: its TLS, its proxy, and sockets that notice a vanished peer."""

from __future__ import annotations

import socket
import ssl
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

__all__ = ["Configuration", "session"]

CONNECTIONS = 64
# A peer that vanished without a word, as behind a firewall that forgot the connection, is noticed after some 25 s.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
READ_BYTES = 2**21  # etcd takes objects of up to 1.5 MiB


class Configuration(Protocol):
    """What kubernetes_asyncio has found out of how to reach the server."""

    host: str
    proxy: str | None
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    disable_strict_ssl_verification: bool


def session(given: Configuration) -> aiohttp.ClientSession:
    """A session of our own. The client's has no say in its sockets, and looks into ~/.netrc and for proxies at each
    request, in a thread each time: that took most of a request's CPU time."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=_tls(given), socket_factory=_socket)
    return aiohttp.ClientSession(connector=connector, proxy=given.proxy or _proxy(given.host), read_bufsize=READ_BYTES)


def _tls(given: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=given.ssl_ca_cert)
    if given.cert_file:
        context.load_cert_chain(given.cert_file, keyfile=given.key_file)
    if not given.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if given.disable_strict_ssl_verification:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _proxy(host: str) -> str | None:
    """What the environment says of the way there: HTTPS_PROXY, NO_PROXY and their like."""
    url = urlsplit(host)
    if not url.hostname or proxy_bypass(url.netloc):
        return None
    return getproxies().get(url.scheme)


def _socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, type, protocol, _, _ = info
    made = socket.socket(family, type, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # some systems lack some
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
