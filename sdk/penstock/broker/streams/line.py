"""One connection to one Redis, as redis-py makes it: TCP or Unix socket, TLS, login, database."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from penstock.broker.streams.address import Address, Place

__all__ = ["FAILURES", "Line", "opened", "write"]

Line = AbstractConnection
# What tells of a connection that can't be made or is lost. uvloop says RuntimeError of one that was closed meanwhile.
FAILURES = (RedisError, OSError, RuntimeError)
CONNECT_SECONDS = 5.0
UNASKED_SECONDS = 0.5
# A connection whose other end has vanished (a NAT that forgot it) is noticed within 45 s, even if nobody uses it.
_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}


def _login(address: Address) -> dict[str, Any]:
    """What redis-py's connections are given beside the place.

    RESP2: replies are plain lists, whatever the library's version makes of RESP3. No retries: a repeated command may
    be a second task. No time-outs of its own, which cost as much as the rest of a call: a Wire watches its replies.
    """
    tls: dict[str, Any] = {name: text for name, text in address.options.items() if name.startswith("ssl_")}
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = tls["ssl_check_hostname"] == "true"
    return {
        "protocol": 2,
        "username": address.username,
        "password": address.password,
        "db": address.db,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_SECONDS,
        **tls,
    }


def _line(address: Address, place: Place) -> Line:
    """A connection that isn't made yet."""
    options = _login(address)
    if not place.port:
        return aioredis.UnixDomainSocketConnection(path=place.host, **options)
    kind = aioredis.SSLConnection if address.tls else aioredis.Connection
    return kind(host=place.host, port=place.port, socket_keepalive=True, socket_keepalive_options=_KEEPALIVE, **options)


async def opened(address: Address, place: Place) -> Line:
    """A connection that is made. Raises one of FAILURES."""
    made = _line(address, place)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await made.connect()
    except BaseException as error:
        await made.disconnect(nowait=True)
        hung_up = isinstance(error, FAILURES) and not isinstance(error, TimeoutError)
        if hung_up and (said := await _unasked(address, place)):
            raise ConnectionError(said) from error
        raise
    return made


async def _unasked(address: Address, place: Place) -> str:
    """What a server says to whoever comes, before it hangs up: that it has no connection left. What was written to it
    meanwhile fails first."""
    if address.tls:
        return ""
    try:
        async with asyncio.timeout(UNASKED_SECONDS):
            if place.port:
                reader, writer = await asyncio.open_connection(place.host, place.port)
            else:
                reader, writer = await asyncio.open_unix_connection(place.host)
            try:
                return (await reader.readline()).decode(errors="replace").strip().removeprefix("-ERR ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return ""


def write(line: Line, data: bytes) -> None:
    """Hand it to the transport, which sends it by and by; callers wait for replies, so little piles up there.

    redis-py's own call waits until it is sent, which takes a task and a turn of the loop. Raises one of FAILURES.
    """
    writer = line._writer
    if writer is None:
        raise ConnectionError("the connection was closed")
    writer.write(data)
