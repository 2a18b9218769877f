from __future__ import annotations

import pytest
from benchmarks.peers.ceiling import Cost, ceiling

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
