"""The way to the master that sentinels name."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import cast

from penstock.broker.streams.address import Address, Place
from penstock.broker.streams.errand import Errand
from penstock.broker.streams.library import Command
from penstock.broker.streams.line import FAILURES, Line, opened
from penstock.broker.streams.node import Node
from penstock.broker.streams.route import LOOK_UP_SECONDS, Route, first_answer
from penstock.broker.streams.subscription import Subscription
from penstock.errors import ConfigurationError, PenstockError
from penstock.stopping import stopped

__all__ = ["Watched"]

_SWITCHED = "+switch-master"


class Watched(Route):
    """To the master of those that sentinels watch."""

    def __init__(self, address: Address, patience: float) -> None:
        super().__init__(address, patience)
        user, password = address.options.get("sentinel_username"), address.options.get("sentinel_password")
        self._login = replace(address, username=user, password=password, db=0)
        self._sentinels = [Node(self._login, place, LOOK_UP_SECONDS) for place in address.places]
        self._master: Node | None = None
        self._look_up = Errand(self._ask_sentinels)
        self._watching: asyncio.Task[None] | None = None

    async def node(self, command: Command) -> Node:
        """See Route."""
        return self._master or await self._look_up.run()

    def doubt(self, node: Node) -> None:
        """See Route. Another sentinel is asked next: this one may be cut off from the rest."""
        if node is self._master:
            self._master = None
            self._sentinels.append(self._sentinels.pop(0))

    async def _ask_sentinels(self) -> Node:
        name = self._address.master
        try:
            sentinel, found = await first_answer([*self._sentinels], ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
        except LookupError as error:
            raise ConfigurationError(f"the sentinels at {self._address} know no master {name!r}") from error
        self._sentinels.sort(key=lambda other: other is not sentinel)
        host, port = cast("tuple[bytes, bytes]", found)
        self._master = self.at(Place(host.decode(), int(port)))
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch(), name="penstock-sentinel")
        return self._master

    async def _watch(self) -> None:
        """Leave a master that is one no more at once. It would go on taking commands until it is told, for some eight
        seconds after a fail-over that somebody asked for, and lose all of them."""
        subscription = Subscription(self._open)
        await subscription.add(_SWITCHED)
        async with aclosing(subscription.messages()) as messages:
            async for kind, _, data in messages:
                # A new subscription may have missed it.
                if kind == "subscribe" or data.partition(b" ")[0] == self._address.master.encode():
                    await self._verify()

    async def _verify(self) -> None:
        with suppress(*FAILURES, PenstockError):
            master = await self._look_up.run()
            for node in self._nodes.values():
                if node is not master:
                    node.drop("the sentinels have made another server master")

    async def _open(self) -> Line:
        for sentinel in [*self._sentinels]:  # their order may change meanwhile
            with suppress(*FAILURES):
                return await opened(self._login, sentinel.place)
        raise ConnectionError("no sentinel answers")

    async def close(self) -> None:
        """See Route."""
        await self._look_up.close()
        if self._watching is not None:
            await stopped(self._watching)
            self._watching = None
        await asyncio.gather(super().close(), *(sentinel.close() for sentinel in self._sentinels))
