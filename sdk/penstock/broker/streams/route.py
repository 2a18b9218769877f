"""Which server a command is for. Here the only one; with sentinels or in a cluster there is more to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from penstock.broker.streams.address import Address, Place
from penstock.broker.streams.library import Command
from penstock.broker.streams.line import FAILURES
from penstock.broker.streams.node import Node
from penstock.broker.streams.wire import Reply
from penstock.errors import ConfigurationError

__all__ = ["LOOK_UP_SECONDS", "Route", "first_answer"]

LOOK_UP_SECONDS = 2.0  # for one server's answer to where a command belongs; the next is asked after that


class Route:
    """The way to the only server. Looking a server up raises one of FAILURES."""

    def __init__(self, address: Address, patience: float) -> None:
        """`patience`: seconds for a reply."""
        self._address = address
        self._patience = patience
        self._nodes: dict[Place, Node] = {}

    def at(self, place: Place) -> Node:
        """The server at a place."""
        node = self._nodes.get(place)
        if node is None:
            node = self._nodes[place] = Node(self._address, place, self._patience)
        return node

    async def node(self, command: Command) -> Node:
        """The server that a command is for."""
        return self.at(self._address.places[0])

    async def nodes(self) -> list[Node]:
        """All that keep tasks."""
        return [await self.node(())]

    def doubt(self, node: Node) -> None:
        """It can't be reached, or isn't a master any more: look again before the next command."""

    def redirected(self, error: Exception, node: Node) -> Node:
        """The server that a cluster's MOVED or ASK, said by `node`, leads to."""
        raise ConfigurationError(f"Redis at {node.place} is part of a cluster: use redis+cluster:// in PENSTOCK_URL")

    async def close(self) -> None:
        """End all connections, once the commands under way have ended."""
        await asyncio.gather(*(node.close() for node in self._nodes.values()))


async def first_answer(nodes: Iterable[Node], command: Command) -> tuple[Node, Reply]:
    """Ask one after another. Raises what the last one did if none of them answers, LookupError if it was nil."""
    error: Exception = ConnectionError("there is nobody to ask")
    for node in nodes:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                [reply] = await node.ask([command])
        except FAILURES as failure:
            error = failure
            continue
        if reply is not None and not isinstance(reply, Exception):
            return node, reply
        error = reply or LookupError(f"{node.place} doesn't know")
    raise error
