"""Against KEDA's documentation: concepts/scaling-deployments, reference/scaledobject-spec, scalers/redis-streams."""

from __future__ import annotations

from benchmarks.autoscale.scalers.hpa import Rules
from benchmarks.autoscale.scalers.keda import Keda, Trigger, length
from benchmarks.autoscale.scalers.prometheus import HpaAlone
from benchmarks.autoscale.world.outage import Kind, Outage
from benchmarks.autoscale.world.world import World

from tests.unit.benchmarks.autoscale.worlds import world

LAG = Trigger(2, Rules(most=10))
LENGTH = Trigger(2, Rules(most=10), length)


def scaled(trigger: Trigger, one: World) -> list[tuple[float, int]]:
    Keda(trigger).begin(one)
    one.run()
    return one.deployment.changes[1:]


def test_from_zero_its_own_loop_goes_to_one_and_the_hpa_goes_on() -> None:
    (first, one), (second, more), *_ = scaled(LAG, world([50.0] * 40, 5.0))
    assert one == 1
    assert 50 <= first <= 80  # pollingInterval 30
    assert more == 4
    assert second - first <= 15  # the HPA's next sync


def test_to_zero_after_300_seconds_without_activity() -> None:
    changes = scaled(LAG, world([50.0], 1.0, seconds=900.0))
    (woken, _), (asleep, none) = changes
    assert none == 0
    assert 300 <= asleep - woken <= 300 + 2 * 30


def test_on_the_lag_what_is_in_flight_is_nothing() -> None:
    one = world([50.0], 500.0, seconds=900.0)
    assert scaled(LAG, one)[1][1] == 0
    assert one.deployment.sigterms >= 1
    assert one.work.interrupted[0] >= 1


def test_on_the_length_it_stays_awake() -> None:
    one = world([50.0], 500.0, seconds=900.0)
    scaled(LENGTH, one)
    assert one.work.interrupted == [0]


def test_what_cannot_be_read_changes_nothing() -> None:
    one = world([50.0] * 40, 100.0, outages=[Outage(60.0, 500.0, Kind.SCALERS)])
    changes = scaled(LENGTH, one)
    assert not [at for at, _ in changes if 60 <= at < 560]


def test_the_hpa_alone_never_sleeps_and_sees_what_was_scraped() -> None:
    one = world([50.0] * 6, 60.0)
    HpaAlone(2, Rules(most=10)).begin(one)
    one.run()
    (_, first), (grown, more), *_ = one.deployment.changes[1:]
    assert (first, more) == (1, 3)
    assert 50 <= grown <= 50 + 30 + 15
    assert one.deployment.wanted == 1
