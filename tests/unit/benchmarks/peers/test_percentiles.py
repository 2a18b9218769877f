from __future__ import annotations

import statistics

import pytest
from benchmarks.peers.percentiles import Percentiles, percentile
from hypothesis import given
from hypothesis import strategies as st

samples = st.lists(st.integers(0, 10**6), min_size=1, max_size=200)  # whole µs: their arithmetic is exact


@given(samples)
def test_they_lie_among_the_samples_and_in_their_order(values: list[int]) -> None:
    found = [percentile(values, percent) for percent in (1, 50, 95, 99)]
    assert found == sorted(found)
    assert min(values) <= found[0]
    assert found[-1] <= max(values)


@given(samples)
def test_the_samples_order_does_not_matter(values: list[int]) -> None:
    assert percentile(sorted(values), 95) == percentile(values[::-1], 95)


def test_of_a_hundred() -> None:
    found = Percentiles.of([float(number) for number in range(1, 102)])
    assert (found.samples, found.p50, found.p95, found.p99) == (101, 51, 96, 100)


def test_of_none() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


@given(samples)
def test_the_50th_is_the_median(values: list[int]) -> None:
    assert percentile(values, 50) == statistics.median(values)


@given(st.floats(0, 1e6), st.integers(1, 99))
def test_one_sample_is_every_percentile(value: float, percent: int) -> None:
    assert percentile([value], percent) == value


@given(samples, st.integers(1, 99))
def test_at_least_that_share_of_the_samples_is_no_larger(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert sum(value <= found for value in values) >= (len(values) - 1) * percent // 100 + 1
    assert sum(value >= found for value in values) >= (len(values) - 1) * (100 - percent) // 100 + 1


def test_they_are_rounded_to_a_microsecond() -> None:
    assert Percentiles.of([1.23456, 1.23456]) == Percentiles(2, 1.235, 1.235, 1.235)
