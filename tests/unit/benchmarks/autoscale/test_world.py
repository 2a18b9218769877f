import math
from functools import partial

import pytest
from benchmarks.autoscale.world.outage import Kind, Outage
from benchmarks.autoscale.world.startup import Startup
from benchmarks.autoscale.world.world import World

from tests.unit.benchmarks.autoscale.worlds import world


def scaled(one: World, *steps: tuple[float, int]) -> World:
    for at, replicas in steps:
        one.agenda.at(at, partial(one.deployment.scale, replicas))
    one.run()
    return one


def test_a_task_waits_for_the_first_pod_and_takes_its_time() -> None:
    one = scaled(world([10.0], 3.0), (10.0, 1))
    assert one.work.started == [15.0]
    assert one.work.ended == [18.0]
    assert one.deployment.pod_seconds(one.end) == 590.0


def test_tasks_start_in_their_order_as_places_come_free() -> None:
    one = scaled(world([10.0, 10.0, 10.0, 10.0], 4.0, concurrency=1), (0.0, 2))
    assert one.work.started == [10.0, 10.0, 14.0, 14.0]


def test_pods_with_free_places_take_turns() -> None:
    one = world([10.0, 20.0], 100.0)
    one.agenda.at(30.0, lambda: loads.extend(len(pod.running) for pod in one.deployment.pods))
    loads = list[int]()
    scaled(one, (0.0, 2))
    assert loads == [1, 1]


def test_whoever_gets_a_sigterm_finishes_what_fits_and_hands_back_the_rest() -> None:
    one = scaled(world([10.0, 11.0], [20.0, 60.0]), (0.0, 1), (15.0, 0), (100.0, 1))
    assert one.work.ended[0] == 30.0
    assert one.work.interrupted == [0, 1]
    assert one.work.started[1] == 105.0
    assert one.work.ended[1] == 165.0
    assert one.deployment.sigterms == 1
    assert one.work.waits[1] == 94.0  # what was cut off was waited for


def test_a_pod_ends_as_soon_as_it_is_idle_and_never_started_ones_at_once() -> None:
    one = scaled(world([10.0], 10.0), (0.0, 1), (12.0, 2), (14.0, 0))
    starting, busy = sorted(one.deployment.past, key=lambda pod: pod.gone)
    assert starting.gone == 14.0
    assert busy.gone == pytest.approx(20.3)


def test_while_the_broker_is_away_nothing_comes_starts_ends_or_is_read() -> None:
    one = world([10.0, 25.0], 15.0, outages=[Outage(20.0, 40.0)])
    seen = list[object]()
    one.agenda.at(30.0, lambda: seen.append(one.broker.read(30.0)))
    scaled(one, (0.0, 1))
    assert seen == [None]
    assert one.work.ended[0] == 60.0  # done at 25, told when somebody listens
    assert one.work.started[1] == 60.0
    assert one.work.waits[1] == 35.0


def test_an_outage_of_the_scalers_alone_leaves_workers_alone() -> None:
    one = world([25.0], 1.0, outages=[Outage(20.0, 40.0, Kind.SCALERS)])
    seen = list[object]()
    one.agenda.at(30.0, lambda: seen.append(one.broker.read(30.0)))
    scaled(one, (0.0, 1))
    assert seen == [None]
    assert one.work.started == [25.0]


def test_only_the_first_pod_of_a_node_waits_for_the_image() -> None:
    startup = Startup(median=5.0, sigma=0.0, pull=(100.0, 100.0), nodes=1)
    one = scaled(world([0.0], 1.0, startup=startup), (0.0, 1), (50.0, 2), (200.0, 3))
    assert [pod.ready for pod in one.deployment.pods] == [105.0, 105.0, 205.0]


def test_a_run_whose_tasks_never_end_ends() -> None:
    one = world([1.0], 1.0, seconds=60.0)
    one.run()
    assert math.isnan(one.work.ended[0])
    assert one.end >= 180.0
