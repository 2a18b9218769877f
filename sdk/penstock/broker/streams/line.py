"""One connection to one Redis, as redis-py makes it: TCP or Unix socket, TLS, login, database."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import redis.asyncio as aioredis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Cut
from redis.exceptions import RedisError

from penstock.broker.streams.address import Address, Place

__all__ = ["FAILURES", "Line", "opened", "write"]

Line = AbstractConnection
# What tells of a connection that can't be made or is lost. uvloop says RuntimeError of one that was closed meanwhile.
FAILURES = (RedisError, OSError, RuntimeError)
_CUT = (Cut, ConnectionResetError, BrokenPipeError)
CONNECT_SECONDS = 5.0
LAST_WORDS_SECONDS = 0.5
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
    made, patience = _line(address, place), min(CONNECT_SECONDS, address.timeout or CONNECT_SECONDS)
    try:
        async with asyncio.timeout(patience):
            await made.connect()
    except BaseException as error:
        await made.disconnect(nowait=True)
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"no answer within {patience:g} s") from None
        if type(error) in _CUT and not address.tls and (why := await _said_by(place)):
            raise ConnectionError(why) from error
        raise
    return made


async def _said_by(place: Place) -> str:
    """What the server says to whom it hangs up on, such as that it has no connection left. Our login, which was under
    way to it, has made the system forget that: so it is asked again without a word. "" where it says nothing."""
    opening = (
        asyncio.open_connection(place.host, place.port) if place.port else asyncio.open_unix_connection(place.host)
    )
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            reader, writer = await opening
            try:
                said = await reader.readline()
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return ""
    return said.decode(errors="replace").strip().removeprefix("-")


def write(line: Line, data: bytes) -> None:
    """Hand it to the transport, which sends it by and by; callers wait for replies, so little piles up there.

    redis-py's own call waits until it is sent, which takes a task and a turn of the loop. Raises one of FAILURES.
    """
    writer = line._writer
    if writer is None:
        raise ConnectionError("the connection was closed")
    writer.write(data)
