from hypothesis import given
from hypothesis import strategies as st

from penstock import retry
from penstock.resources.retry import Backoff, RetryPolicy


@given(
    st.integers(1, 1_000_000),
    st.floats(0, 1e10),
    st.floats(1, 1000),
    st.floats(0, 1e10),
    st.booleans(),
)
def test_every_policy_within_bounds_survives_the_round_trip(
    attempts: int, initial: float, factor: float, maximum: float, jitter: bool
) -> None:
    backoff = Backoff(initial_seconds=initial, factor=factor, max_seconds=maximum, jitter=jitter)
    policy = RetryPolicy(max_attempts=attempts, backoff=backoff)
    assert RetryPolicy.stored(policy.manifest()) == policy


def test_the_resource_and_the_envelope_have_the_same_defaults() -> None:
    assert RetryPolicy().model_dump(by_alias=True) == retry.RetryPolicy().spec()
