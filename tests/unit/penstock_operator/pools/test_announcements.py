from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.api import EVENTS
from penstock_operator.autoscale.decision import Decision
from penstock_operator.events import Events, Subject
from penstock_operator.pools.announcements import (
    AT_ONCE,
    LOOK_SECONDS,
    PAUSE_SECONDS,
    Announcement,
    Announcements,
    Board,
)
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import Clock

ALL = 1000
MORE = Decision(3, "Backlog", "26 tasks")


def pool(name: str = "fast", uid: str = "1") -> Subject:
    return Subject("WorkerPool", "shop", name, uid)


def test_the_first_change_is_told_at_once_and_the_next_ones_together() -> None:
    board = Board()
    board.put(pool(), 0, MORE)
    assert board.take(0.0, ALL) == [Announcement(pool(), 0, MORE)]
    board.put(pool(), 3, Decision(5, "Backlog", "46 tasks"))
    board.put(pool(), 5, Decision(2, "Stabilizing", "fewer"))
    assert board.take(PAUSE_SECONDS - 0.1, ALL) == []
    [told] = board.take(PAUSE_SECONDS, ALL)
    assert (told.before, told.after.replicas, told.changes, told.reason) == (3, 2, 2, "ScaledIn")
    assert told.note == "3 → 2 replicas (2 changes): Stabilizing: fewer"


def test_words() -> None:
    assert Announcement(pool(), 0, MORE).note == "0 → 3 replicas: Backlog: 26 tasks"
    same = Announcement(pool(), 3, Decision(3, "BrokerUnreachable", "the count is held"))
    assert (same.reason, same.type) == ("DecisionChanged", "Warning")
    assert same.note == "3 replicas: BrokerUnreachable: the count is held"
    assert (Announcement(pool(), 0, MORE).reason, Announcement(pool(), 0, MORE).type) == ("ScaledOut", "Normal")


def test_a_pool_that_is_made_anew_starts_anew() -> None:
    board = Board()
    board.put(pool(uid="old"), 0, MORE)
    board.put(pool(uid="new"), 3, Decision(4, "Backlog", ""))
    assert [(told.about.uid, told.before, told.changes) for told in board.take(0, ALL)] == [("new", 3, 1)]
    board.put(pool("other"), 0, MORE)
    board.drop(("shop", "other"))
    assert board.take(100.0, ALL) == []


Step = tuple[float, str | None]  # seconds pass, then a pool's decision changes (None: a look)
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.integers(0, 60).map(lambda quarters: quarters / 4), st.sampled_from(["a", "b", "c", None])),
    max_size=80,
)


@given(steps)
def test_each_pool_is_told_of_at_most_once_in_ten_seconds_and_nothing_is_forgotten(steps: list[Step]) -> None:
    board, now = Board(), 0.0
    count: defaultdict[str, int] = defaultdict(int)  # each change is one replica more
    told: defaultdict[str, list[tuple[float, Announcement]]] = defaultdict(list)

    def look() -> None:
        for one in board.take(now, ALL):
            told[one.about.name].append((now, one))

    for pause, name in steps:
        now += pause
        if name is None:
            look()
            continue
        board.put(pool(name), count[name], Decision(count[name] + 1, "Backlog", ""))
        count[name] += 1
    now += PAUSE_SECONDS
    look()
    assert told.keys() == count.keys()
    for name, announced in told.items():
        times = [at for at, _ in announced]
        assert all(after - before >= PAUSE_SECONDS for before, after in pairwise(times))
        replicas = 0
        for _, one in announced:  # each goes on where the last one ended
            assert (one.before, one.after.replicas) == (replicas, replicas + one.changes)
            replicas = one.after.replicas
        assert replicas == count[name]
    board.take(now + PAUSE_SECONDS, 0)
    assert not board._told, "who was told long ago isn't remembered"


async def test_they_are_events() -> None:
    kube, clock = FakeKube(), Clock()
    announcements = Announcements(Events(kube, "o", clock), clock, clock)
    announcements.changed(pool(), 0, MORE)
    announcements.changed(pool("gone"), 0, MORE)
    announcements.gone(("shop", "gone"))
    await announcements.tell()
    announcements.changed(pool(), 3, Decision(0, "Idle", "nothing to do"))
    await announcements.tell()
    clock.pass_(PAUSE_SECONDS)
    await announcements.tell()
    found = [(event["reason"], event["type"], event["note"]) for event in kube.stored(EVENTS)]
    assert found == [
        ("ScaledOut", "Normal", "0 → 3 replicas: Backlog: 26 tasks"),
        ("ScaledIn", "Normal", "3 → 0 replicas: Idle: nothing to do"),
    ]


async def test_a_thousand_pools_are_not_a_thousand_writes_a_second() -> None:
    kube, clock = FakeKube(), Clock()
    events = Events(kube, "o", clock)
    announcements = Announcements(events, clock, clock)
    for second in range(120):
        for number in range(1000):
            announcements.changed(pool(str(number)), second, Decision(second + 1, "Backlog", ""))
        for _ in range(2):
            await announcements.tell()
            clock.pass_(LOOK_SECONDS)
    found = kube.stored(EVENTS)
    assert (len(found), events.dropped) == (120 * 2 * AT_ONCE, 0)
    assert len({event["regarding"]["name"] for event in found}) == 1000, "they take turns"
