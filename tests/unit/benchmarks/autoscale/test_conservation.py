"""What holds in every run, whoever scales."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from benchmarks.autoscale.figures import figures
from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.patterns.pattern import Pattern
from benchmarks.autoscale.run import run
from benchmarks.autoscale.scalers.contestants import CONTESTANTS, OWN
from benchmarks.autoscale.world.outage import Kind, Outage
from benchmarks.autoscale.world.startup import Startup
from benchmarks.autoscale.world.world import World
from hypothesis import given, settings
from hypothesis import strategies as st

OUTAGES = st.lists(st.builds(Outage, st.floats(0, 200), st.floats(1, 100), st.sampled_from(Kind)), max_size=2).map(
    tuple
)
TASKS = st.lists(st.tuples(st.floats(0, 200), st.floats(0.01, 60)), min_size=1, max_size=60)
STARTS = st.builds(Startup, st.floats(1, 20), st.floats(0, 0.5), st.none() | st.just((60.0, 180.0)), st.integers(1, 4))


@st.composite
def drawn(draw: st.DrawFn) -> Pattern:
    return replace(
        PATTERNS["steady"],
        seconds=300.0,
        outages=draw(OUTAGES),
        startup=draw(STARTS),
        concurrency=draw(st.integers(1, 5)),
        most=draw(st.integers(1, 8)),
    )


def simulated(what: Pattern, scaler: str, tasks: list[tuple[float, float]], seed: int) -> World:
    ordered = sorted(tasks)
    world = World(what.setting, [came for came, _ in ordered], [takes for _, takes in ordered], Random(seed))
    CONTESTANTS[scaler](what).begin(world)
    world.run()
    return world


@pytest.mark.parametrize("scaler", CONTESTANTS)
@settings(max_examples=20, deadline=None)
@given(drawn(), TASKS, st.integers(0, 3))
def test_every_task_ends_once_and_no_bound_is_broken(
    scaler: str, what: Pattern, tasks: list[tuple[float, float]], seed: int
) -> None:
    world = simulated(what, scaler, tasks, seed)
    broker, work = world.broker, world.work
    ended = [number for number in range(len(work)) if work.ended[number] == work.ended[number]]
    assert broker.finished == len(ended)
    assert len(ended) + len(broker.waiting) + broker.in_flight == len(work)
    assert broker.queued == len(work) + sum(work.interrupted)
    assert all(work.ended[n] >= work.started[n] + work.service[n] - 1e-6 for n in ended)
    assert all(work.started[n] >= work.arrived[n] for n in ended)
    assert all(0 <= count <= what.most for _, count in world.deployment.changes)
    assert all(sample.in_flight <= sample.pods * what.concurrency for sample in world.samples)
    assert all(pod.created <= pod.gone for pod in world.deployment.past)


@pytest.mark.parametrize("scaler", OWN)
@settings(max_examples=20, deadline=None)
@given(drawn(), TASKS)
def test_penstock_never_takes_a_busy_worker(scaler: str, what: Pattern, tasks: list[tuple[float, float]]) -> None:
    world = simulated(what, scaler, tasks, 0)
    assert world.deployment.sigterms == 0
    assert sum(world.work.interrupted) == 0
    assert world.broker.finished == len(tasks)


@pytest.mark.parametrize("scaler", CONTESTANTS)
def test_a_seed_decides_everything(scaler: str) -> None:
    assert run("spike", scaler, 3) == run("spike", scaler, 3)
    assert run("spike", scaler, 3).figures != run("spike", scaler, 4).figures


def test_all_scalers_get_the_same_tasks() -> None:
    assert run("spike", "keda", 0).arrivals == run("spike", "penstock", 0).arrivals


def test_a_run_gives_all_figures() -> None:
    what = PATTERNS["spike"]
    found = figures(simulated(what, "penstock", [(1.0, 1.0)], 0), what.objective)
    assert found["late"] == 0
    assert 0 < found["p50"] < what.objective
    assert found["peak"] == 1
