"""The way to the servers of a Redis Cluster."""

from __future__ import annotations

from redis.exceptions import ResponseError

from penstock.broker.streams.address import Address, Place
from penstock.broker.streams.errand import Errand
from penstock.broker.streams.library import Command
from penstock.broker.streams.node import Node
from penstock.broker.streams.refusal import code
from penstock.broker.streams.route import Route, first_answer
from penstock.broker.streams.slots import Slots, redirection, slot_of
from penstock.errors import ConfigurationError

__all__ = ["Sharded"]


class Sharded(Route):
    """To the primary that has the command's slot."""

    def __init__(self, address: Address, patience: float) -> None:
        super().__init__(address, patience)
        self._slots = Slots()
        self._guide: Node | None = None  # who was the last to tell the slots; None: they have to be looked up
        self._doubted: set[Place] = set()
        self._look_up = Errand(self._ask_for_slots)

    async def node(self, command: Command) -> Node:
        """See Route. A command without a key is for any of them."""
        guide = self._guide or await self._look_up.run()
        slot = slot_of(command)
        if slot is None:
            return guide
        place = self._slots.place(slot)
        if place is None:
            self._guide = None
            raise ConnectionError(f"no server of the cluster has slot {slot}")
        return self.at(place)

    async def nodes(self) -> list[Node]:
        """See Route."""
        await self.node(())
        return [self.at(place) for place in self._slots.places()]

    def doubt(self, node: Node) -> None:
        """See Route."""
        self._doubted.add(node.place)
        self._guide = None

    def redirected(self, error: Exception, node: Node) -> Node:
        """See Route."""
        slot, place = redirection(error)
        target = Place(place.host or node.place.host, place.port)
        if code(error) == "MOVED":
            self._slots.move(slot, target)
            self._guide = None  # others may have moved with it
        return self.at(target)

    async def _ask_for_slots(self) -> Node:
        # Who is in doubt is asked last: it may take long to fail.
        places = dict.fromkeys([*self._slots.places(), *self._address.places])
        nodes = [self.at(place) for place in sorted(places, key=self._doubted.__contains__)]
        try:
            guide, slots = await first_answer(nodes, ("CLUSTER", "SLOTS"))
        except ResponseError as error:
            if "cluster support disabled" in str(error):
                raise ConfigurationError(
                    f"Redis at {self._address} isn't part of a cluster: use redis:// in PENSTOCK_URL"
                ) from error
            raise
        self._slots.learn(slots, guide.place)
        self._doubted.clear()
        self._guide = guide
        return guide

    async def close(self) -> None:
        """See Route."""
        await self._look_up.close()
        await super().close()
