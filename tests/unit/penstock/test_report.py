from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import report
from penstock.envelope import ResourceRef
from penstock.errors import ApiRefused
from penstock.kube import Manifest
from penstock.outcome import Failure, Outcome
from penstock.resources.limits import RESULT_BYTES
from penstock.resources.task import TaskStatus
from penstock.standing import Standing
from penstock.status import TERMINAL, Phase
from tests.unit.fake_kube import json_patch

REF = ResourceRef("shop", "welcome", "uid-1", run=2, generation=3)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)
moments = st.floats(0, 4e9)
results = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(text, below, max_size=4),
    max_leaves=10,
).map(msgspec.json.encode)
failures = st.builds(Failure.bounded, text, text, text, retryable=st.booleans())


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    phase = draw(st.sampled_from(sorted(TERMINAL)))
    succeeded = phase is Phase.SUCCEEDED
    return Outcome(
        id="shop.uid-1-2",
        task="shop.send",
        phase=phase,
        attempts=draw(st.integers(0, 1000)),
        worker=draw(st.text("abc-0", max_size=253)),
        queued_at=draw(st.none() | moments),
        started_at=draw(st.none() | moments),
        finished_at=draw(moments),
        result=draw(results) if succeeded else None,
        failure=None if succeeded else draw(st.none() | failures),
        traceparent=draw(st.sampled_from([None, TRACE, "garbage"])),
        resource=REF,
    )


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    return Standing(
        draw(st.sampled_from([phase for phase in Phase if not phase.terminal])),
        draw(st.sampled_from(["Queued", "Running", "Suspended"])),
        draw(text),
        draw(moments),
        admitted=draw(st.booleans()),
        attempts=draw(st.integers(0, 1000)),
        worker=draw(st.text("abc-0", max_size=253)),
        queued_at=draw(st.none() | moments),
        started_at=draw(st.none() | moments),
        traceparent=draw(st.sampled_from([None, TRACE, "garbage"])),
        percent=draw(st.none() | st.floats(0, 100)),
        said=draw(text),
    )


def condition(status: Manifest, type: str) -> Manifest:
    [found] = [condition for condition in status["conditions"] if condition["type"] == type]
    return dict(found)


def ended(phase: Phase, **fields: object) -> Manifest:
    return report.ended(
        REF, msgspec.structs.replace(Outcome(id="q.1", task="a.b", phase=phase, finished_at=9.0), **fields)
    )


@given(outcomes())
def test_how_a_task_ended_fits_the_schema(outcome: Outcome) -> None:
    status = TaskStatus.model_validate(report.ended(REF, outcome))
    assert (status.phase, status.run, status.observed_generation) == (outcome.phase, 2, 3)
    assert status.finished_at is not None


@given(standings())
def test_how_a_task_stands_fits_the_schema(standing: Standing) -> None:
    status = TaskStatus.model_validate(report.standing(REF, standing))
    assert (status.phase, status.run, status.observed_generation) == (standing.phase, 2, 3)


@given(outcomes())
def test_the_conditions_of_an_ended_task_agree_with_its_phase(outcome: Outcome) -> None:
    status = report.ended(REF, outcome)
    succeeded = str(outcome.phase is Phase.SUCCEEDED)
    failed = str(outcome.phase is not Phase.SUCCEEDED)
    told = {condition["type"]: condition["status"] for condition in status["conditions"]}
    began = outcome.queued_at is not None or outcome.started_at is not None
    assert told == {
        "Admitted": str(began or outcome.phase is Phase.SUCCEEDED),
        "Finished": "True",
        "Complete": succeeded,
        "Failed": failed,
        "Reconciling": "False",
        "Stalled": failed,
    }


@given(standings())
def test_an_open_task_is_reconciling_and_not_finished(standing: Standing) -> None:
    told = {c["type"]: c["status"] for c in report.standing(REF, standing)["conditions"]}
    assert told == {"Admitted": str(standing.admitted), "Finished": "False", "Reconciling": "True"}


@given(outcomes())
def test_lengths_of_time_are_never_negative(outcome: Outcome) -> None:
    status = report.ended(REF, outcome)
    assert status.get("queueSeconds", 0) >= 0
    assert status.get("runSeconds", 0) >= 0


@given(st.floats(0, 4e9))
def test_moments_are_utc_to_the_microsecond(seconds: float) -> None:
    parsed = datetime.fromisoformat(report.moment(seconds))
    assert parsed.tzinfo == UTC
    assert parsed.timestamp() == pytest.approx(seconds, abs=1e-6)


def test_times_become_moments_and_lengths() -> None:
    status = ended(Phase.SUCCEEDED, queued_at=1.0, started_at=1.25, finished_at=3.0)
    assert status["queuedAt"] == "1970-01-01T00:00:01.000000Z"
    assert (status["queueSeconds"], status["runSeconds"]) == (0.25, 1.75)


def test_what_began_as_another_ended_is_not_told_to_be_earlier() -> None:
    """Redis tells its clock in milliseconds, a worker's is finer."""
    before = ended(Phase.SUCCEEDED, finished_at=1.058143)
    after = ended(Phase.SUCCEEDED, started_at=1.058)
    assert before["finishedAt"] == after["startedAt"] == "1970-01-01T00:00:01.058000Z"


def test_a_failure_shows_as_error_and_as_the_reason() -> None:
    failure = Failure("TimedOut", "the attempt took longer than 1 s", retryable=True)
    status = ended(Phase.DEAD_LETTERED, failure=failure)
    assert status["error"] == {"type": "TimedOut", "message": "the attempt took longer than 1 s", "retryable": True}
    stalled = condition(status, "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("TimedOut", "TimedOut: the attempt took longer than 1 s")


@pytest.mark.parametrize("type", ["mod.<locals>.Odd", "snake_case", "Ünicode", "", "1st"])
def test_an_exception_whose_name_is_no_reason_is_told_by_its_phase(type: str) -> None:
    assert condition(ended(Phase.DEAD_LETTERED, failure=Failure(type)), "Failed")["reason"] == "DeadLettered"


def test_a_result_of_null_is_kept() -> None:
    assert ended(Phase.SUCCEEDED, result=b"null")["result"] is None
    assert "result" not in ended(Phase.CANCELLED)


def test_big_integers_are_kept() -> None:
    assert ended(Phase.SUCCEEDED, result=str(2**80).encode())["result"] == 2**80


@pytest.mark.parametrize(("size", "inline"), [(RESULT_BYTES, True), (RESULT_BYTES + 1, False)])
def test_a_result_beyond_16_kib_stays_with_the_broker(size: int, inline: bool) -> None:
    status = ended(Phase.SUCCEEDED, result=msgspec.json.encode("x" * (size - 2)))
    assert ("result" in status) == inline
    assert status.get("resultRef") == (None if inline else "broker:q.1")


def test_the_trace_is_named_by_its_id() -> None:
    assert ended(Phase.SUCCEEDED, traceparent=TRACE)["traceID"] == "0af7651916cd43dd8448eb211c80319c"
    assert "traceID" not in ended(Phase.SUCCEEDED, traceparent="garbage")


def test_progress_is_told_once_there_is_some() -> None:
    quiet = Standing(Phase.RUNNING, "Running", "", 1.0)
    assert "progress" not in report.standing(REF, quiet)
    telling = Standing(Phase.RUNNING, "Running", "", 1.0, percent=40.9, said="resized 4 of 10")
    assert report.standing(REF, telling)["progress"] == {"percent": 40, "message": "resized 4 of 10"}


def test_a_long_word_of_progress_fits_the_schema_too() -> None:
    telling = Standing(Phase.RUNNING, "Running", "", 1.0, percent=1, said="x" * 5000)
    TaskStatus.model_validate(report.standing(REF, telling))


class TestGuard:
    DOCUMENT: ClassVar[Manifest] = {"metadata": {"uid": "uid-1"}, "spec": {"run": 2}, "status": {"phase": "Queued"}}

    def test_the_patch_replaces_the_status_of_this_object_and_run(self) -> None:
        patch = report.guarded(REF, {"phase": "Running"}, over=[Phase.QUEUED])
        assert json_patch(self.DOCUMENT, patch)["status"] == {"phase": "Running"}

    @pytest.mark.parametrize(
        "change",
        [{"metadata": {"uid": "uid-2"}}, {"spec": {"run": 3}}, {"spec": {}}, {"status": {"phase": "Succeeded"}}],
    )
    def test_the_patch_fails_on_another_object_run_or_phase(self, change: Manifest) -> None:
        patch = report.guarded(REF, {"phase": "Running"}, over=[Phase.QUEUED])
        with pytest.raises(ApiRefused, match="testing value"):
            json_patch(self.DOCUMENT | change, patch)

    @given(outcomes())
    def test_the_tests_come_before_the_write(self, outcome: Outcome) -> None:
        *tests, write = report.guarded(REF, report.ended(REF, outcome))
        assert [(check["op"], check["path"]) for check in tests] == [("test", "/metadata/uid"), ("test", "/spec/run")]
        assert (write["op"], write["path"]) == ("add", "/status")


class TestObserved:
    @given(outcomes())
    def test_an_ended_status_speaks_of_the_present_generation(self, outcome: Outcome) -> None:
        document: Manifest = {
            "metadata": {"uid": "uid-1"},
            "spec": {"run": REF.run},
            "status": report.ended(REF, outcome),
        }
        later = msgspec.structs.replace(REF, generation=9)
        status = json_patch(document, report.observed(later, len(document["status"]["conditions"])))["status"]
        assert status == report.ended(later, outcome)

    def test_a_namesake_is_left_alone(self) -> None:
        document: Manifest = {"metadata": {"uid": "uid-2"}, "status": {"observedGeneration": 1, "conditions": []}}
        with pytest.raises(ApiRefused, match="testing value"):
            json_patch(document, report.observed(REF, 0))

    def test_another_run_is_left_alone(self) -> None:
        status = {"run": 3, "observedGeneration": 1, "conditions": []}
        document: Manifest = {"metadata": {"uid": "uid-1"}, "spec": {"run": 3}, "status": status}
        with pytest.raises(ApiRefused, match="testing value"):
            json_patch(document, report.observed(REF, 0))
