from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.pace import Pace


def test_as_many_as_the_burst_may_go_at_once() -> None:
    pace = Pace(2.0, burst=3, clock=lambda: 0.0)
    assert [pace.reserve() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]


@given(st.lists(st.floats(0, 3), max_size=50), st.integers(1, 5))
def test_no_more_go_than_rate_and_burst_allow(gaps: list[float], burst: int) -> None:
    now, starts = 0.0, list[float]()
    pace = Pace(1.0, burst=burst, clock=lambda: now)
    for gap in gaps:
        now += gap
        starts.append(now + pace.reserve())
    for first in range(len(starts)):
        within = [start for start in starts[first:] if start <= starts[first] + 10]
        assert len(within) <= 10 + burst + 1


def test_a_place_is_taken_only_if_it_is_free() -> None:
    now = 0.0
    pace = Pace(2.0, burst=3, clock=lambda: now)
    assert [pace.take() for _ in range(5)] == [True, True, True, False, False]
    now = 0.5
    assert [pace.take(), pace.take()] == [True, False]
