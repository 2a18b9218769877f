from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.envelope import ResourceRef
from penstock.outcome import Failure, Outcome, decode, encode
from penstock.resources.task import TaskError
from penstock.status import TERMINAL

text = st.text(st.characters(exclude_categories=["Cs"]))
seconds = st.floats(0, 1e10)
failures = st.builds(Failure, text, text, text, st.booleans())
outcomes = st.builds(
    Outcome,
    id=text,
    task=text,
    phase=st.sampled_from(sorted(TERMINAL)),
    attempts=st.integers(0, 10**6),
    worker=text,
    queued_at=st.none() | seconds,
    started_at=st.none() | seconds,
    finished_at=seconds,
    result=st.none() | st.binary(),
    failure=st.none() | failures,
    traceparent=st.none() | text,
    resource=st.none() | st.builds(ResourceRef, text, text, text),
)


@given(outcomes)
def test_an_outcome_arrives_as_it_was_recorded(outcome: Outcome) -> None:
    assert decode(encode(outcome)) == outcome


@given(text.map(lambda t: t * 300), text.map(lambda t: t * 300), text.map(lambda t: t * 300), st.booleans())
def test_a_bounded_failure_fits_a_resource(type: str, message: str, traceback: str, retryable: bool) -> None:
    failure = Failure.bounded(type, message, traceback, retryable=retryable)
    TaskError(type=failure.type, message=failure.message, traceback=failure.traceback)
    assert type.startswith(failure.type)
    assert message.startswith(failure.message)
    assert traceback.endswith(failure.traceback)
    assert failure.retryable == retryable


def test_the_end_of_a_traceback_is_kept() -> None:
    assert Failure.bounded("E", "m", "a" * 5000 + "end").traceback.endswith("end")
