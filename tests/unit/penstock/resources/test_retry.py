from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.retry import Backoff, RetryPolicy

backoffs = st.builds(
    Backoff,
    initial_seconds=st.floats(0, 1e6),
    factor=st.floats(1, 1000),
    max_seconds=st.floats(1e6, 1e10),
)


@given(backoffs, st.integers(1, 1_000_000))
def test_pauses_never_shrink_and_stay_within_bounds(backoff: Backoff, attempt: int) -> None:
    pause, following = backoff.pause(attempt), backoff.pause(attempt + 1)
    assert 0 <= pause <= following <= backoff.max_seconds


def test_pauses_grow_by_the_factor_up_to_the_bound() -> None:
    backoff = Backoff(initial_seconds=1, factor=2, max_seconds=5)
    assert [backoff.pause(attempt) for attempt in (1, 2, 3, 4, 5000)] == [1, 2, 4, 5, 5]


def test_no_initial_pause_means_none_ever() -> None:
    assert Backoff(initial_seconds=0).pause(100_000) == 0


def test_the_default_policy_retries() -> None:
    assert RetryPolicy().max_attempts == 3
