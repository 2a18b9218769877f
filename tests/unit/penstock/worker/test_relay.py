"""Whom a task's end concerns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.broker.memory import MemoryBroker
from penstock.broker.messages import Ended, Supply
from penstock.envelope import VERSION, Envelope, encode
from penstock.links import UNKNOWN, Feed, Links, Source
from penstock.outcome import Failure, Outcome
from penstock.status import Phase
from penstock.worker.relay import Relay, concluded, forsaken, supplies

FEEDS = (Feed("mail.next", 3), Feed("other.next", 0))


def ended(
    phase: Phase,
    links: Links | None = None,
    result: bytes | None = None,
    children: list[str] | None = None,
    waits: int = 0,
) -> Ended:
    failure = None if phase is Phase.SUCCEEDED else Failure("ValueError", "no such user", "Traceback …")
    outcome = Outcome(id="mail.1", task="shop.f", phase=phase, finished_at=1.0, result=result, failure=failure)
    message = encode(Envelope(id="mail.1", task="shop.f", queue="mail", created_at=0.0, links=links))
    return Ended(outcome, message, children or [], waits)


def test_a_result_is_an_input_of_all_that_wait_for_it() -> None:
    found = list(supplies(ended(Phase.SUCCEEDED, Links(feeds=FEEDS), b"42"), 9.0))
    assert [(one.id, one.number, one.value) for one in found] == [("mail.next", 3, b"42"), ("other.next", 0, b"42")]


def test_nothing_returned_is_null() -> None:
    assert [one.value for one in supplies(ended(Phase.SUCCEEDED, Links(feeds=FEEDS)), 9.0)] == [b"null", b"null"]


@pytest.mark.parametrize(
    ("phase", "then"),
    [
        (Phase.FAILED, Phase.FAILED),
        (Phase.DEAD_LETTERED, Phase.FAILED),
        (Phase.CANCELLED, Phase.CANCELLED),
    ],
)
def test_a_failure_says_how_those_end_that_cannot_do_without(phase: Phase, then: Phase) -> None:
    for one in supplies(ended(phase, Links(feeds=FEEDS)), 9.0):
        assert one.otherwise is not None
        failure = one.otherwise.failure
        assert (one.value, one.otherwise.phase, one.otherwise.finished_at) == (None, then, 9.0)
        assert failure is not None
        assert (failure.type, failure.message) == ("ValueError", "shop.f (mail.1): ValueError: no such user")
        assert (failure.traceback, failure.upstream) == ("Traceback …", "mail.1")


def test_the_first_cause_goes_all_the_way_down() -> None:
    second = concluded("mail.2", ended(Phase.FAILED).outcome, "shop.f", 9.0)
    third = concluded("mail.3", second, "shop.g", 10.0)
    assert third.failure == second.failure


def test_who_has_no_links_concerns_nobody() -> None:
    assert list(supplies(ended(Phase.FAILED), 9.0)) == []
    assert list(forsaken(ended(Phase.FAILED))) == []


def test_children_go_with_a_parent_that_comes_to_nothing() -> None:
    assert list(forsaken(ended(Phase.FAILED, children=["mail.a", "mail.b"]))) == ["mail.a", "mail.b"]
    assert list(forsaken(ended(Phase.SUCCEEDED, children=["mail.a"]))) == []


def test_sources_go_with_what_has_waited_for_them() -> None:
    links = Links(waits=3, sources=(Source("mail.0"), Source("mail.g", 2)))
    assert list(forsaken(ended(Phase.CANCELLED, links, waits=3))) == ["mail.0", "mail.g0", "mail.g1"]
    assert list(forsaken(ended(Phase.CANCELLED, links))) == []  # it had started: all of them have ended


def test_so_do_those_whose_number_came_later() -> None:
    links = Links(waits=UNKNOWN, sources=(Source("mail.e.", UNKNOWN), Source("mail.e")))
    assert list(forsaken(ended(Phase.FAILED, links, waits=2))) == ["mail.e.0", "mail.e.1", "mail.e"]
    assert list(forsaken(ended(Phase.FAILED, links, waits=UNKNOWN))) == ["mail.e"]


def test_what_only_a_newer_version_can_read_concerns_the_same() -> None:
    links = Links(waits=2, feeds=FEEDS, sources=(Source("mail.0"),))
    message = encode(Envelope(v=VERSION + 1, id="mail.1", task="shop.f", queue="mail", created_at=0.0, links=links))
    newer = Ended(ended(Phase.DEAD_LETTERED).outcome, message, waits=2)
    assert [one.id for one in supplies(newer, 9.0)] == ["mail.next", "other.next"]
    assert list(forsaken(newer)) == ["mail.0"]


def test_what_cannot_be_read_concerns_nobody() -> None:
    outcome = ended(Phase.FAILED).outcome
    assert list(supplies(Ended(outcome, b"?"), 9.0)) == []
    assert list(forsaken(Ended(outcome, b"?"))) == []


class Choosy(MemoryBroker):
    """Takes no input for one task."""

    async def supply(self, supplies: Sequence[Supply], *, life: float) -> None:
        if any(one.id == "mail.odd" for one in supplies):
            raise ValueError("it can't be said")
        await super().supply(supplies, life=life)


async def test_one_that_cannot_be_propagated_blocks_no_other(caplog: pytest.LogCaptureFixture) -> None:
    broker = Choosy("test")
    links = {name: Links(feeds=(Feed(f"mail.{name}", 0),)) for name in ("odd", "plain")}
    waiting = [
        Envelope(id=f"mail.{name}", task="f", queue="mail", created_at=0.0, links=Links(waits=1)) for name in links
    ]
    sources = [
        Envelope(id=f"mail.{name}-source", task="f", queue="mail", created_at=0.0, links=found)
        for name, found in links.items()
    ]
    await broker.send([*waiting, *sources])
    for source in sources:
        outcome = Outcome(id=source.id, task="f", phase=Phase.CANCELLED, finished_at=1.0)
        await broker.cancel(outcome, reason="by the test", life=60)
    await Relay(broker, lambda: 9.0).recover("mail")
    odd, plain = await broker.snapshots(["mail.odd", "mail.plain"])
    assert odd is not None
    assert odd.phase is Phase.BLOCKED
    assert plain is not None
    assert plain.phase is Phase.CANCELLED
    assert (
        "can't propagate the end of 1 tasks, will try again; first of them mail.odd-source: it can't be said"
        in caplog.text
    )
