from __future__ import annotations

import pytest
from benchmarks.capacity.rate import Rate
from hypothesis import given
from hypothesis import strategies as st


def test_an_even_stream_has_one_rate() -> None:
    rate = Rate.of(100.0, [100.0 + number / 50 for number in range(1, 501)])
    assert rate.count == 500
    assert rate.seconds == pytest.approx(10.0)
    assert rate.per_second == pytest.approx(50.0)
    assert rate.steady == pytest.approx(50.0)


def test_a_slow_start_and_a_late_last_one_leave_the_middle_alone() -> None:
    even = [10.0 + number / 100 for number in range(1, 101)]
    rate = Rate.of(0.0, [*even, 30.0])
    assert rate.per_second == pytest.approx(101 / 30)
    assert rate.steady == pytest.approx(100.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_order_does_not_matter(ends: list[float]) -> None:
    assert Rate.of(0.0, ends) == Rate.of(0.0, sorted(ends, reverse=True))


def test_all_at_one_moment_has_no_rate() -> None:
    assert Rate.of(1.0, [1.0, 1.0]).per_second == 0


def test_nothing_has_no_rate() -> None:
    with pytest.raises(ValueError, match="nothing has ended"):
        Rate.of(0.0, [])
