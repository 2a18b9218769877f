"""Which server of a cluster has which of the 16,384 slots, as far as is known here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import cast

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from penstock.broker.streams.address import Place
from penstock.broker.streams.library import Command

__all__ = ["Slots", "redirection", "slot_of"]

_KEY = "penstock:{"  # how every key and channel begins (see keys.py)
_slot = lru_cache(4096)(key_slot)


def slot_of(command: Command) -> int | None:
    """The slot of the queue that a command concerns, None where it concerns none."""
    for part in command:
        if isinstance(part, str) and part.startswith(_KEY):
            return _slot(part[: part.find("}") + 1].encode())
    return None


def redirection(error: Exception) -> tuple[int, Place]:
    """What "MOVED 3999 10.0.0.5:6379" and "ASK …" say. A host that the server doesn't know is empty."""
    slot, where = str(error).removeprefix("MOVED ").removeprefix("ASK ").split()
    host, _, port = where.rpartition(":")
    return int(slot), Place(host.strip("[]"), int(port))


class Slots:
    """The map. It is only ever a guess: a wrong one is put right by whoever is asked by it."""

    def __init__(self) -> None:
        self._places: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS

    def place(self, slot: int) -> Place | None:
        """Who has a slot."""
        return self._places[slot]

    def places(self) -> list[Place]:
        """All who have any."""
        return sorted({place for place in self._places if place is not None})

    def move(self, slot: int, place: Place) -> None:
        """Believe that `place` has it."""
        self._places[slot] = place

    def learn(self, reply: object, asked: Place) -> None:
        """Take over what `asked` answered to CLUSTER SLOTS. An empty host there is its own."""
        self._places = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in cast("Iterable[tuple[int, int, tuple[bytes, int]]]", reply):
            place = Place(host.decode() if host else asked.host, port)
            self._places[first : last + 1] = [place] * (last + 1 - first)
