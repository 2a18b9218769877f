from __future__ import annotations

import random

from benchmarks.peers.options import MEASUREMENTS, Options
from benchmarks.peers.plan import POINT_SECONDS, Case, bounded, cases, order
from benchmarks.peers.systems import OWN, SYSTEMS


def test_every_system_is_measured_alike() -> None:
    options = Options()
    counts = {name: {case.processes for case in cases(options, name) if case.function == "noop"} for name in SYSTEMS}
    assert set(map(frozenset, counts.values())) == {frozenset((1, 2, 4, 8, 16))}
    assert all(case.tasks == 20_000 for name in SYSTEMS for case in cases(options, name) if case.function == "noop")


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
