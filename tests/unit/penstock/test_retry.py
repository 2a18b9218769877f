from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.bounds import HORIZON_SECONDS
from penstock.resources.retry import RetryPolicy as RetrySpec
from penstock.retry import Retry, RetryPolicy, Snooze, wished
from tests.naming import named

seconds = st.floats(0, 1e6, allow_nan=False)
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 1_000_000),
    initial=seconds,
    factor=st.floats(1, 1000),
    maximum=seconds,
    jitter=st.booleans(),
)
steady = policies.map(lambda p: RetryPolicy(p.max_attempts, p.initial, p.factor, p.maximum, False))
attempts = st.integers(1, 1_000_000)
draws = st.floats(0, 1, exclude_max=True)


@given(policies, attempts, draws)
def test_a_delay_lies_between_zero_and_the_maximum(policy: RetryPolicy, attempt: int, draw: float) -> None:
    assert 0 <= policy.delay(attempt, lambda: draw) <= policy.maximum


@given(steady, attempts)
def test_without_jitter_no_pause_is_shorter_than_the_one_before(policy: RetryPolicy, attempt: int) -> None:
    assert policy.delay(attempt, lambda: 0.0) <= policy.delay(attempt + 1, lambda: 0.0)


@given(steady, attempts, draws)
def test_full_jitter_draws_from_the_whole_pause(policy: RetryPolicy, attempt: int, draw: float) -> None:
    jittered = RetryPolicy(policy.max_attempts, policy.initial, policy.factor, policy.maximum, True)
    assert jittered.delay(attempt, lambda: draw) == policy.delay(attempt, lambda: 0.0) * draw


def test_the_documented_pauses() -> None:
    policy = RetryPolicy(max_attempts=9, initial=1, factor=2, maximum=10, jitter=False)
    assert [policy.delay(attempt, lambda: 0.5) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("policy", [RetryPolicy(factor=1000.0), RetryPolicy(factor=1000), RetryPolicy(initial=1e308)])
def test_an_overflowing_pause_is_the_longest(policy: RetryPolicy) -> None:
    assert policy.delay(10_000, lambda: 0.5) == policy.maximum * 0.5


def test_an_overflow_of_no_pause_is_none() -> None:
    assert RetryPolicy(initial=0.0, factor=1000.0).delay(10_000, lambda: 0.5) == 0


@given(policies, attempts)
def test_attempts_are_exhausted_at_their_number(policy: RetryPolicy, attempt: int) -> None:
    assert policy.exhausted(attempt) == (attempt >= policy.max_attempts)


@given(policies)
def test_the_spec_is_what_a_resource_takes(policy: RetryPolicy) -> None:
    spec = RetrySpec.model_validate(policy.spec())
    assert (spec.max_attempts, spec.backoff.max_seconds) == (policy.max_attempts, policy.maximum)
    assert (spec.backoff.factor, spec.backoff.jitter) == (policy.factor, policy.jitter)


def test_a_retry_says_when_and_why() -> None:
    assert (Retry(3.0, "rate limited").delay, str(Retry(3.0, "rate limited"))) == (3.0, "rate limited")
    assert Retry().delay is None


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize(
    ("delay", "seconds"),
    [(5, 5.0), (0, 0.0), (timedelta(minutes=1), 60.0), (Decimal("0.5"), 0.5), (HORIZON_SECONDS, HORIZON_SECONDS)],
)
def test_a_delay_is_seconds_or_a_timedelta(kind: type[Retry] | type[Snooze], delay: Any, seconds: float) -> None:
    assert wished(kind(delay)) == seconds


@pytest.mark.parametrize("kind", [Retry, Snooze])
@pytest.mark.parametrize("delay", [-1, math.nan, math.inf, 1e18, "5", timedelta(days=-1), object()], ids=named)
def test_any_other_delay_is_refused_with_its_name(kind: type[Retry] | type[Snooze], delay: Any) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}\(delay=.*use seconds from 0 to \d+, or a timedelta"):
        kind(delay)


@given(st.floats(), st.floats(), st.floats(), attempts, draws)
def test_no_policy_waits_for_ever(initial: float, factor: float, maximum: float, attempt: int, draw: float) -> None:
    policy = RetryPolicy(3, initial, factor, maximum)
    assert 0 <= policy.delay(attempt, lambda: draw) <= HORIZON_SECONDS
