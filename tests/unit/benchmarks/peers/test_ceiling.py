from __future__ import annotations

import pytest
from benchmarks.peers.ceiling import Cost, ceiling
from hypothesis import given
from hypothesis import strategies as st

US = 1e-6


@pytest.mark.parametrize(
    ("cost", "processes", "cores", "expected"),
    [
        (Cost(90 * US, 10 * US, 10_000), 2, 8, 20_000),  # each process as fast as alone
        (Cost(15 * US, 5 * US, 60_000), 2, 2, 100_000),  # all cores busy
        (Cost(10 * US, 20 * US, 40_000), 4, 16, 50_000),  # Redis' one thread busy
    ],
)
def test_the_tightest_limit_holds(cost: Cost, processes: int, cores: int, expected: float) -> None:
    assert ceiling(cost, processes=processes, cores=cores) == pytest.approx(expected)


seconds = st.floats(1e-7, 1)
costs = st.builds(Cost, seconds, seconds, st.floats(1, 1e6))
counts = st.integers(1, 64)


@given(costs, counts, counts)
def test_more_processes_or_cores_never_lower_it(cost: Cost, processes: int, cores: int) -> None:
    found = ceiling(cost, processes=processes, cores=cores)
    assert found <= ceiling(cost, processes=processes + 1, cores=cores)
    assert found <= ceiling(cost, processes=processes, cores=cores + 1)


@given(costs, counts)
def test_nothing_passes_redis_one_thread(cost: Cost, processes: int) -> None:
    assert ceiling(cost, processes=processes, cores=10**9) <= 1 / cost.redis
