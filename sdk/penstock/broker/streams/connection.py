"""The connection to Redis, wherever it is: commands out, replies or our errors back."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import ResponseError

from penstock.broker.streams import fitness
from penstock.broker.streams.address import Kind, Place, parsed
from penstock.broker.streams.cluster import Sharded
from penstock.broker.streams.library import Command, fcall, missing_library
from penstock.broker.streams.line import FAILURES, Line
from penstock.broker.streams.node import Node
from penstock.broker.streams.refusal import code, demoted, refusal
from penstock.broker.streams.route import Route
from penstock.broker.streams.sentinels import Watched
from penstock.broker.streams.subscription import Subscription
from penstock.broker.streams.wire import Reply
from penstock.errors import ConfigurationError, NotConnected, PenstockError

__all__ = ["BlockingConnection", "Connection", "Reply"]

log = logging.getLogger("penstock")
R = TypeVar("R")
REPLY_SECONDS = 15.0  # longer than any blocking read
SUBMIT_SECONDS = 5.0  # for who waits for a reply; a URL's `timeout` says otherwise
RENEWAL_SECONDS = 5.0  # a lease that isn't renewed soon needn't be renewed late
CALL_SECONDS = RENEWAL_SECONDS + 5.0  # beyond what the connection takes to give up
CLOSE_SECONDS = 10.0
TRIES = 16
PAUSE_SECONDS = 0.1
_ROUTES: dict[Kind, type[Route]] = {"single": Route, "sentinel": Watched, "cluster": Sharded}


class Connection:
    """Redis by commands. Nothing that may have been executed is repeated here: a repeated XADD would be a second
    task. Callers repeat; ids make that safe.

    NotConnected: it may work later, whether or not it was executed. SubmissionError: Redis said no.
    ConfigurationError: PENSTOCK_URL can't work as it is.
    """

    def __init__(self, url: str, *, patience: float = REPLY_SECONDS) -> None:
        """`patience`: seconds for a reply."""
        self._address = parsed(url)
        self._route = _ROUTES[self._address.kind](self._address, patience)

    @classmethod
    def of_submitter(cls, url: str) -> Connection:
        """One whose caller is waiting."""
        return cls(url, patience=parsed(url).timeout or SUBMIT_SECONDS)

    async def command(self, *command: str | bytes | int | float) -> Reply:
        """One command's reply."""
        [reply] = await self._exchange(await self._node(command), (command,))
        if isinstance(reply, PenstockError):
            raise reply
        return reply

    async def call(self, function: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]) -> Reply:
        """What a function of the library returns."""
        return await self.command(*fcall(function, keys, args))

    async def commands(self, commands: Sequence[Command]) -> list[Reply]:
        """Replies to commands sent together. A refused one's place holds its error, a SubmissionError."""
        places: dict[Node, list[int]] = {}
        for index, command in enumerate(commands):
            places.setdefault(await self._node(command), []).append(index)
        exchanges = (self._exchange(node, [commands[index] for index in at]) for node, at in places.items())
        return _in_order(places.values(), await asyncio.gather(*exchanges))

    async def each(self, commands: Sequence[Command], *, patience: float) -> list[Reply]:
        """The same for commands that don't need each other. The place of one holds its error, too, whose server can't
        be reached or takes longer than `patience` seconds: what others say isn't lost by that."""
        places: dict[Node | PenstockError, list[int]] = {}
        for index, node in enumerate(await self._nodes_or_errors(commands)):
            places.setdefault(node, []).append(index)
        exchanges = (self._replies(node, [commands[index] for index in at], patience) for node, at in places.items())
        return _in_order(places.values(), await asyncio.gather(*exchanges))

    async def check(self) -> None:
        """Raise ConfigurationError if this Redis can't be relied on. What may not be asked passes."""
        for node in await self._nodes():
            replies = await self._exchange(node, (("INFO", "server"), ("INFO", "memory")))
            _check(node.place, b"".join(reply for reply in replies if isinstance(reply, bytes)).decode())

    def subscription(self, *, patterns: bool = False) -> Subscription:
        """A subscriber on a connection of its own."""
        return Subscription(self._line, patterns=patterns)

    async def close(self) -> None:
        """Close every connection, once the commands under way have ended."""
        await self._route.close()

    async def _node(self, command: Command) -> Node:
        try:
            return await self._route.node(command)
        except FAILURES as error:
            raise refusal(self._address, error) from error

    async def _nodes_or_errors(self, commands: Sequence[Command]) -> Sequence[Node | PenstockError]:
        """The server of each, or why there is none."""
        try:
            return [await self._node(command) for command in commands]
        except PenstockError:  # all at once: then they share what has to be looked up, and what that takes
            return await asyncio.gather(*map(self._node_or_error, commands))

    async def _node_or_error(self, command: Command) -> Node | PenstockError:
        try:
            return await self._node(command)
        except PenstockError as error:
            return error

    async def _replies(
        self, node: Node | PenstockError, commands: Sequence[Command], patience: float
    ) -> Sequence[Reply]:
        """A server's, or as often why there are none."""
        if isinstance(node, PenstockError):
            return [node] * len(commands)
        try:
            async with asyncio.timeout(patience):
                return await self._exchange(node, commands)
        except PenstockError as error:
            return [error] * len(commands)
        except TimeoutError:
            return [NotConnected(f"Redis at {node.place} hasn't answered within {patience:g} s")] * len(commands)

    async def _nodes(self) -> list[Node]:
        try:
            return await self._route.nodes()
        except FAILURES as error:
            raise refusal(self._address, error) from error

    async def _line(self) -> Line:
        node = await self._node(())
        try:
            return await node.line()
        except FAILURES as error:
            raise self._lost(node, error) from error

    async def _exchange(self, node: Node, commands: Sequence[Command]) -> list[Reply]:
        replies = await self._ask(node, commands)
        if len(commands) > 1:
            await self._follow_together(node, commands, replies)
        for index, reply in enumerate(replies):
            if isinstance(reply, Exception):
                replies[index] = await self._insist(node, commands[index], reply)
        return replies

    async def _follow_together(self, node: Node, commands: Sequence[Command], replies: list[Reply]) -> None:
        """Load the library once for all that miss it, and ask again for them at once."""
        missing = [at for at, reply in enumerate(replies) if isinstance(reply, Exception) and missing_library(reply)]
        if missing:
            with suppress(ResponseError):  # each of them hears of that
                await self._load(node)
            for at, reply in zip(missing, await self._ask(node, [commands[at] for at in missing]), strict=True):
                replies[at] = reply

    async def _ask(self, node: Node, commands: Sequence[Command]) -> list[Reply]:
        try:
            return await node.ask(commands)
        except FAILURES as error:
            raise self._lost(node, error) from error

    async def _insist(self, node: Node, command: Command, error: Exception) -> Reply:
        """Follow a refusal that means "elsewhere", "later" or "not loaded": it came before anything was executed, so
        sending the command again is safe. Returns the last word, a reply or our error."""
        for _ in range(TRIES):
            try:
                again = await self._again(node, command, error)
            except ResponseError as refused:  # the library was
                return self._verdict(node, refused)
            if again is None:
                break
            node, commands = again
            *_, reply = await self._ask(node, commands)
            if not isinstance(reply, Exception):
                return reply
            error = reply
        return self._verdict(node, error)

    async def _again(self, node: Node, command: Command, error: Exception) -> tuple[Node, Sequence[Command]] | None:
        """Whom to ask after such a refusal, and what. None after any other."""
        said = code(error)
        if said == "MOVED":
            return self._route.redirected(error, node), (command,)
        if said == "ASK":
            return self._route.redirected(error, node), (("ASKING",), command)
        if said in ("TRYAGAIN", "CLUSTERDOWN"):
            self._route.doubt(node)
            await asyncio.sleep(PAUSE_SECONDS)
            return await self._node(command), (command,)
        if command[0] == "FCALL" and missing_library(error):
            await self._load(node)
            return node, (command,)
        return None

    async def _load(self, node: Node) -> None:
        """Give it the library. Raises ResponseError where it is refused."""
        try:
            await node.load()
        except ResponseError:
            raise
        except FAILURES as error:
            raise self._lost(node, error) from error

    def _verdict(self, node: Node, error: Exception) -> PenstockError:
        if not isinstance(error, ResponseError):
            raise self._lost(node, error, open=True) from error
        if demoted(error):  # its connections lead to the wrong server, however well they work
            node.drop("it isn't the master any more")
            self._route.doubt(node)
        return refusal(node.place, error)

    def _lost(self, node: Node, error: Exception, *, open: bool = False) -> PenstockError:
        self._route.doubt(node)
        return refusal(node.place, error, open=open)


def _in_order(places: Iterable[Sequence[int]], found: Iterable[Sequence[Reply]]) -> list[Reply]:
    """Replies in the order of their commands, of which each server had those at its places."""
    replies: dict[int, Reply] = {}
    for at, answers in zip(places, found, strict=True):
        replies.update(zip(at, answers, strict=True))
    return [replies[index] for index in range(len(replies))]


def _check(place: Place, info: str) -> None:
    if version := fitness.outdated(info):
        raise ConfigurationError(f"Redis at {place} is {version}: Penstock needs 7.0 or later; upgrade it")
    if policy := fitness.eviction(info):
        risk = f"Redis at {place} may throw tasks away when it is full: its maxmemory-policy is {policy}"
        if os.environ.get("PENSTOCK_ALLOW_EVICTION") != "1":
            raise ConfigurationError(
                f"{risk}; make it noeviction, or set PENSTOCK_ALLOW_EVICTION=1 to run all the same"
            )
        log.warning("%s", risk)


class BlockingConnection:
    """The same for threads: what renews leases mustn't need the event loop, which may be busy. It has its own."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(url, patience=RENEWAL_SECONDS)
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def call(self, function: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]) -> Reply:
        """What a function of the library returns. After `close`, it connects anew."""
        try:
            return self._run(self._connection.call(function, keys, args)).result(CALL_SECONDS)
        except FutureTimeout:  # its loop was stopped before it could end
            raise NotConnected("the connection was closed here during a call") from None

    def _run(self, work: Coroutine[object, object, R]) -> Future[R]:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=[self._loop], name="penstock-blocking", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Close the connection and end its loop."""
        with self._starting:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._connection.close(), loop).result(CLOSE_SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(CLOSE_SECONDS)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
