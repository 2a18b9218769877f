"""One server: the connection that all ordinary commands share, and one for each command that blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from weakref import WeakSet

from penstock.broker.streams.address import Address, Place
from penstock.broker.streams.errand import Errand
from penstock.broker.streams.library import Command, library_source
from penstock.broker.streams.line import Line, opened
from penstock.broker.streams.wire import Reply, Wire, packed

__all__ = ["Node"]

POOL_SIZE = 256
# On the shared connection these would hold up everybody else's commands.
_BLOCKING = frozenset(("XREADGROUP", "XREAD", "WAIT", "WAITAOF"))
# What Redis may find too large (its proto-max-bulk-len is 1 MiB at least): then it closes the connection.
_LARGE_BYTES = 2**20


class Node:
    """Commands for the server at `place`. Connections are made when they are needed."""

    def __init__(self, address: Address, place: Place, patience: float) -> None:
        """`patience`: seconds for a reply."""
        self.place = place
        self._address = address
        self._patience = patience
        self._shared: Wire | None = None
        self._share = Errand(self._open_shared)
        self._apart: set[Wire] = set()
        self._room = asyncio.Semaphore(POOL_SIZE)
        self._load = Errand(self._send_library)
        self._lent: WeakSet[Line] = WeakSet()
        self._endings: list[asyncio.Task[None]] = []  # referred to here, or they might vanish

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """Replies in the commands' order, errors among them. Raises one of FAILURES where there is no connection."""
        data = [packed(command) for command in commands]
        for command, written in zip(commands, data, strict=True):
            if command[0] in _BLOCKING or (len(written) > _LARGE_BYTES and _large(command)):
                return await self._ask_apart(data)
        wire = self._shared
        if wire is None or wire.lost is not None:
            wire = await self._share.run()
        return [await reply for reply in wire.send(data)]

    async def _open_shared(self) -> Wire:
        self._shared = await self._open()
        return self._shared

    async def _open(self) -> Wire:
        return Wire(await opened(self._address, self.place), self._patience)

    async def _ask_apart(self, commands: Sequence[bytes]) -> list[Reply]:
        await self._room.acquire()
        try:
            wire = next((wire for wire in self._apart if wire.idle), None) or await self._open()
            replies = wire.send(commands)
        except BaseException:
            self._room.release()
            raise
        self._apart = {wire, *(other for other in self._apart if other.lost is None)}
        # There is room again when the last reply has come, whether or not somebody still waits for it.
        replies[-1].add_done_callback(lambda _: self._room.release())
        return [await asyncio.shield(reply) for reply in replies]

    async def load(self) -> None:
        """Give it the library. Raises ResponseError where it is refused."""
        await self._load.run()

    async def _send_library(self) -> None:
        [reply] = await self.ask([("FUNCTION", "LOAD", "REPLACE", library_source())])
        if isinstance(reply, Exception):
            raise reply

    async def line(self) -> Line:
        """A connection of the caller's own, for subscriptions. Raises one of FAILURES."""
        line = await opened(self._address, self.place)
        self._lent.add(line)
        return line

    def drop(self, why: str) -> None:
        """End every connection; the next command makes a new one."""
        for wire in self._wires():
            wire.close(ConnectionError(why))
        self._endings = [asyncio.create_task(line.disconnect(nowait=True)) for line in self._lent]

    def _wires(self) -> set[Wire]:
        return self._apart if self._shared is None else {self._shared, *self._apart}

    async def close(self) -> None:
        """End every connection, once the commands under way have ended."""
        await self._load.close()
        await self._share.close()
        await asyncio.gather(*(wire.finish() for wire in self._wires()))


def _large(command: Command) -> bool:
    """Whether a part of it is one that Redis may not take."""
    return any(isinstance(part, bytes | str) and len(part) > _LARGE_BYTES for part in command)
