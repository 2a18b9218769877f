from __future__ import annotations

from functools import partial

from benchmarks.autoscale.scalers.departures import Departures
from benchmarks.autoscale.world.outage import Kind, Outage
from benchmarks.autoscale.world.world import World

from tests.unit.benchmarks.autoscale.worlds import world


def led(one: World, *aims: tuple[float, int]) -> World:
    """Three workers from the start; then step by step, five times a second, towards the latest aim."""
    departures = Departures(one)
    one.agenda.at(0.0, lambda: one.deployment.scale(3))

    def step() -> None:
        reached = [replicas for at, replicas in aims if at <= one.agenda.now]
        if reached:
            departures.step(reached[-1])

    one.agenda.every(0.2, 0.1, step)
    one.run()
    return one


def test_idle_ones_go_first_and_busy_ones_end_what_they_run() -> None:
    one = led(world([10.0, 10.0], [50.0, 100.0]), (20.0, 1))
    idle, busy = [at for at, _ in one.deployment.changes[2:]]
    assert 20 <= idle <= 22
    assert 60 <= busy <= 62
    assert one.deployment.wanted == 1
    assert one.deployment.sigterms == 0


def test_the_chosen_claim_nothing_more_until_they_are_given_back() -> None:
    one = led(world([10.0] * 3 + [30.0], 50.0), (20.0, 0), (40.0, 3))
    assert one.work.started[:3] == [10.0] * 3
    assert 40 <= one.work.started[3] <= 41
    assert one.deployment.wanted == 3
    assert not any(pod.resting for pod in one.deployment.pods)


def test_one_that_is_still_starting_goes_before_any_other() -> None:
    one = world([])
    one.agenda.at(10.0, partial(one.deployment.scale, 4))
    led(one, (12.0, 3))
    assert [pod.number for pod in one.deployment.past] == [3]


def test_without_the_broker_nobody_is_told_and_cordons_end_by_themselves() -> None:
    one = world([10.0] * 3 + [70.0], 40.0, outages=[Outage(22.0, 100.0, Kind.SCALERS)])
    led(one, (20.0, 0))
    assert 51 <= one.work.started[3] <= 71  # some 30 s after it was cordoned it claims again
    assert one.deployment.sigterms == 0
    assert one.deployment.wanted == 0
