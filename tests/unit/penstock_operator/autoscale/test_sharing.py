from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.sharing import capacity, portion, split
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import fleets, spec, specs

Key = tuple[str, str]

A, B, C = ("shop", "a"), ("shop", "b"), ("shop", "c")
capacities = st.dictionaries(
    st.tuples(st.just("shop"), st.text("abcdef", min_size=1, max_size=3)), st.integers(0, 1000), min_size=1, max_size=8
)
tasks = st.integers(0, 100_000)


@given(tasks, capacities)
def test_the_parts_are_the_whole(count: int, pools: dict[Key, int]) -> None:
    parts = split(count, pools)
    assert parts.keys() == pools.keys()
    assert sum(parts.values()) == count
    assert min(parts.values()) >= 0


@given(tasks, capacities)
def test_nobody_is_more_than_a_task_away_from_its_portion(count: int, pools: dict[Key, int]) -> None:
    for key, part in split(count, pools).items():
        assert abs(part - count * portion(key, pools)) < 1 + 1e-6


@given(tasks, capacities, st.randoms(use_true_random=False))
def test_the_order_of_the_pools_does_not_matter(count: int, pools: dict[Key, int], dice: random.Random) -> None:
    shuffled = list(pools.items())
    dice.shuffle(shuffled)
    assert split(count, dict(shuffled)) == split(count, pools)


@given(capacities)
def test_a_single_task_wakes_one_pool(pools: dict[Key, int]) -> None:
    assert sorted(split(1, pools).values())[-2:] in ([1], [0, 1])


@given(capacities, st.integers(0, 10_000))
def test_without_capacity_there_is_no_work_unless_nobody_has_any(pools: dict[Key, int], count: int) -> None:
    if any(pools.values()):
        assert all(part == 0 for key, part in split(count, pools).items() if not pools[key])


@given(capacities)
def test_portions_are_the_whole(pools: dict[Key, int]) -> None:
    assert sum(portion(key, pools) for key in pools) == pytest.approx(1)


def test_in_proportion_and_the_largest_remainder_first() -> None:
    assert split(10, {A: 1, B: 3}) == {A: 2, B: 8}  # 2.5 and 7.5: of the same remainder the larger pool goes first
    assert split(100, {A: 10, B: 20, C: 30}) == {A: 17, B: 33, C: 50}
    assert split(7, {A: 0, B: 0}) == {A: 4, B: 3}


@given(specs(mode=None, paused=None), fleets)
def test_a_capacity_is_of_whole_replicas(pool: WorkerPoolSpec, fleet: Fleet) -> None:
    found = capacity(pool, fleet)
    assert found >= 0
    assert found % (pool.concurrency * pool.processes) == 0


@pytest.mark.parametrize(
    ("autoscaling", "fleet", "replicas"),
    [
        ({}, Fleet(wanted=2, ready=2), 8),  # what it may come to
        ({"mode": "Off"}, Fleet(wanted=2, ready=1), 2),
        ({"mode": "External"}, Fleet(wanted=0, ready=1), 1),
        ({"paused": True}, Fleet(wanted=3), 3),
        ({}, Fleet(wanted=4, ready=1, trouble="ImagePullBackOff"), 1),
        ({}, Fleet(wanted=4, trouble="FailedScheduling"), 0),
        ({"mode": "Off"}, Fleet(wanted=4, ready=1, trouble="Forbidden"), 1),
    ],
)
def test_what_a_pool_may_come_to_run_at_once(autoscaling: dict[str, Any], fleet: Fleet, replicas: int) -> None:
    pool = spec(concurrency=4, processes=2, max_replicas=8, **autoscaling)
    assert capacity(pool, fleet) == replicas * 4 * 2
