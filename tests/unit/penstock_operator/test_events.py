from __future__ import annotations

import pytest

from penstock.errors import ApiRefused, NotConnected, PenstockError
from penstock_operator.api import EVENTS
from penstock_operator.events import BURST, PER_SECOND, Events, Subject
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import Clock

ABOUT = Subject("Task", "shop", "welcome", "uid-1")


async def test_an_event_is_about_its_object() -> None:
    kube = FakeKube()
    await Events(kube, "operator-0").write(ABOUT, "Warning", "Failed", "it failed", at=1.0)
    [event] = kube.stored(EVENTS, "shop")
    assert event["regarding"]["uid"] == "uid-1"
    assert (event["type"], event["reason"], event["note"]) == ("Warning", "Failed", "it failed")
    assert (event["eventTime"], event["reportingInstance"]) == ("1970-01-01T00:00:01.000000Z", "operator-0")


async def test_events_do_not_collide() -> None:
    kube = FakeKube()
    for _ in range(3):
        await Events(kube, "o").write(ABOUT, "Normal", "ScaledOut", "", at=1.0)
    assert len(kube.stored(EVENTS)) == 3


@pytest.mark.parametrize("error", [ApiRefused(403, "Forbidden", "no"), NotConnected("away")])
async def test_an_event_is_never_worth_failing_for(error: PenstockError) -> None:
    kube = FakeKube()
    kube.refuse = lambda _method, _path: error
    await Events(kube, "o").write(ABOUT, "Normal", "ScaledOut", "", at=1.0)


@pytest.mark.parametrize(
    "note",
    [
        "x" * 5000,
        pytest.param("→" * 5000),
    ],
)
async def test_a_note_takes_a_kilobyte_at_most(note: str) -> None:
    kube = FakeKube()
    await Events(kube, "o").write(ABOUT, "Normal", "ScaledOut", note, at=1.0)
    assert len(kube.stored(EVENTS)[0]["note"].encode()) <= 1024


async def test_beyond_the_budget_they_are_dropped_counted_and_told_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kube, clock = FakeKube(), Clock()
    events = Events(kube, "o", clock)

    async def write(count: int) -> None:
        for _ in range(count):
            await events.write(ABOUT, "Normal", "ScaledOut", "", at=1.0)

    await write(BURST + 7)
    assert (len(kube.stored(EVENTS)), events.dropped) == (BURST, 7)
    clock.pass_(1)
    await write(25)
    assert (len(kube.stored(EVENTS)), events.dropped) == (BURST + int(PER_SECOND), 12)
    clock.pass_(60)
    await write(BURST + 1)
    said = [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()]
    assert [text.partition(" ")[0] for text in said] == ["1", "12"]
