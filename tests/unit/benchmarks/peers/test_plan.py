from __future__ import annotations

import random
from dataclasses import replace

import pytest
from benchmarks.peers.options import MEASUREMENTS, Options
from benchmarks.peers.plan import NAP_BATCHES, POINT_SECONDS, Case, bounded, cases, order
from benchmarks.peers.systems import OWN, SYSTEMS
from hypothesis import given
from hypothesis import strategies as st


def test_every_system_is_measured_alike() -> None:
    options = Options()
    counts = {name: {case.processes for case in cases(options, name) if case.function == "noop"} for name in SYSTEMS}
    assert set(map(frozenset, counts.values())) == {frozenset((1, 2, 4, 8, 16))}
    found = [case for name in SYSTEMS for case in cases(options, name) if case.function == "noop"]
    assert all(case.tasks == 20_000 for case in found if case.figure != "backlog")


def test_tasks_as_written_run_at_each_systems_default_concurrency() -> None:
    for name, system in SYSTEMS.items():
        found = {case.figure: case for case in cases(Options(), name) if case.figure}
        fitting = {"model": system.models, "thread": system.threads, "backlog": name == OWN}
        assert set(found) == {"default", "arguments"} | {figure for figure, fits in fitting.items() if fits}
        assert {case.concurrency for case in found.values()} == {system.default}


def test_a_backlog_is_fifty_times_the_tasks_and_measured_beside_the_short_one() -> None:
    found = {case.figure: case for case in cases(Options(only=("backlog",)), OWN)}
    assert {figure: case.tasks for figure, case in found.items()} == {"default": 20_000, "backlog": 1_000_000}
    assert not cases(Options(only=("backlog",)), "arq")


def test_a_backlog_is_never_shortened() -> None:
    case = Case(OWN, "noop", 1_000_000, 16, figure="backlog")
    assert bounded(case, 10.0) == case


def test_no_case_comes_twice() -> None:
    for name in SYSTEMS:
        found = cases(Options(), name)
        assert len(found) == len(set(found))


def test_each_measurement_asks_for_something() -> None:
    assert all(cases(Options(only=(only,)), OWN) for only in MEASUREMENTS)


def test_tracing_is_measured_of_penstock_alone() -> None:
    assert {case.system for name in SYSTEMS for case in cases(Options(), name) if case.traces is not None} == {OWN}


def test_an_order_has_every_case_once_and_plain_drains_first() -> None:
    options = Options()
    found = order(options, random.Random(7))
    assert sorted(map(str, found)) == sorted(str(case) for name in SYSTEMS for case in cases(options, name))
    assert [case.is_base for case in found] == sorted((case.is_base for case in found), reverse=True)
    assert found != order(options, random.Random(8))


def test_slow_systems_get_fewer_tasks_by_many_processes_but_never_in_the_plain_drain() -> None:
    base, scaled = Case("celery", "noop", 20_000, 100), Case("celery", "noop", 20_000, 100, 4)
    assert bounded(base, 10.0) == base
    assert bounded(scaled, 10.0).tasks == 10 * POINT_SECONDS
    assert bounded(scaled, 1_000.0) == bounded(scaled, None) == scaled


only = st.lists(st.sampled_from(sorted(MEASUREMENTS)), min_size=1, unique=True).map(tuple)


@given(only, st.sampled_from(sorted(SYSTEMS)))
def test_what_is_asked_for_is_measured_together_as_alone(names: tuple[str, ...], system: str) -> None:
    """But enqueueing, which the plain drain includes."""
    alone = {case for name in names for case in cases(Options(only=(name,)), system)}
    together = set(cases(Options(only=names), system))
    assert together <= alone
    assert all(not case.processes and any(found.is_base for found in together) for case in alone - together)


@pytest.mark.parametrize("system", SYSTEMS)
def test_enqueueing_alone_starts_no_worker(system: str) -> None:
    [case] = cases(Options(only=("enqueue",)), system)
    assert (case.processes, case.function, case.is_base) == (0, "noop", False)


def test_only_async_systems_sleep() -> None:
    slept = {name for name in SYSTEMS if cases(Options(only=("sleep",)), name)}
    assert slept == {name for name, system in SYSTEMS.items() if system.is_async}


@given(st.integers(1, 100_000))
def test_sleeping_tasks_fill_every_place_equally_often(tasks: int) -> None:
    [case] = cases(Options(only=("sleep",), tasks=tasks), OWN)
    assert case.tasks == case.concurrency * NAP_BATCHES


def test_a_seed_gives_the_same_order_again() -> None:
    assert order(Options(), random.Random(7)) == order(Options(), random.Random(7))


@given(st.integers(1, 100_000), st.floats(0.001, 1e6), st.sampled_from(["noop", "nap", "burn", "latency"]))
def test_a_bounded_case_has_a_task_and_no_more_than_asked_for(tasks: int, rate: float, function: str) -> None:
    case = Case("arq", function, tasks, 100, 2)
    found = bounded(case, rate)
    assert 1 <= found.tasks <= tasks
    assert replace(found, tasks=tasks) == case


@pytest.mark.parametrize(
    ("case", "title"),
    [
        (Case("arq", "latency", 0, 100), "arq: latency"),
        (Case("arq", "noop", 20_000, 100, 0), "arq: enqueue 20,000"),
        (Case("arq", "burn", 20_000, 100, 2), "arq: 20,000 burn, processes: 2"),
        (Case("arq", "noop", 500, 10, figure="default"), "arq: 500 noop (default), processes: 1"),
        (Case("arq", "arguments", 500, 10, figure="arguments"), "arq: 500 arguments, processes: 1"),
        (Case("arq", "noop", 500, 100, traces=0.01), "arq: 500 noop, processes: 1, 1% of traces"),
    ],
)
def test_titles(case: Case, title: str) -> None:
    assert case.title == title
