from __future__ import annotations

import pytest
from redis.exceptions import AskError, MovedError, ResponseError

from penstock.broker.streams.address import Place
from penstock.broker.streams.slots import Slots, redirection, slot_of
from penstock.keys import QueueKeys

KEYS = QueueKeys("default", "shop")


def test_all_keys_of_a_queue_have_its_slot() -> None:
    slots = {slot_of(("GET", key)) for key in (*KEYS.fixed, KEYS.task("shop.1"), KEYS.done, KEYS.control)}
    assert len(slots) == 1
    assert slots != {slot_of(("GET", QueueKeys("default", "mail").done))}


def test_the_key_is_found_wherever_it_stands() -> None:
    slot = slot_of(("GET", KEYS.done))
    assert slot_of(("FCALL", "name", 1, KEYS.done, b"arg")) == slot
    assert slot_of(("XREADGROUP", "GROUP", "workers", "me", "BLOCK", 1, "STREAMS", KEYS.done, ">")) == slot
    assert slot_of(("PING",)) is None
    assert slot_of(()) is None


def test_learning_and_moving() -> None:
    slots = Slots()
    asked = Place("asked", 1)
    reply = [[0, 8191, [b"a", 7000, b"id"], [b"replica", 7003]], [8192, 16383, [b"", 7001, b"id"]]]
    slots.learn(reply, asked)
    assert (slots.place(0), slots.place(8191)) == (Place("a", 7000), Place("a", 7000))
    assert slots.place(8192) == Place("asked", 7001)
    slots.move(8192, Place("b", 7002))
    assert slots.places() == [Place("a", 7000), Place("asked", 7001), Place("b", 7002)]
    slots.learn([[0, 1, [None, 7000]]], asked)
    assert (slots.place(1), slots.place(2)) == (Place("asked", 7000), None)


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (MovedError("3999 10.0.0.5:6381"), (3999, Place("10.0.0.5", 6381))),
        (AskError("1 host:6381"), (1, Place("host", 6381))),
        (ResponseError("MOVED 1 ::1:6381"), (1, Place("::1", 6381))),
        (ResponseError("ASK 1 :6381"), (1, Place("", 6381))),
    ],
)
def test_redirections(error: Exception, meant: tuple[int, Place]) -> None:
    assert redirection(error) == meant
