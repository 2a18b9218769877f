from __future__ import annotations

import msgspec
import pytest
from msgspec import ValidationError
from pydantic.alias_generators import to_camel

from penstock.envelope import ResourceRef
from penstock.keys import queue_of
from penstock.resources.retry import Backoff as ResourceBackoff
from penstock.resources.retry import RetryPolicy
from penstock.resources.task import Dependency as Parent
from penstock.resources.task import TaskSpec
from penstock.status import Phase
from penstock.telemetry import ANNOTATION
from penstock_operator.admission.view import Backoff, Dependency, Retry, Spec, TaskView
from tests.unit.penstock_operator.admission.views import CREATED, body, parsed, view


def test_a_new_task() -> None:
    task = view()
    assert task.ref == ResourceRef("shop", "a", "uid-1", run=1, generation=2)
    assert (task.phase, task.finished, task.queue, task.created_at) == (Phase.PENDING, False, "mail", CREATED)
    assert (task.deadline, task.not_before, task.traceparent) == (None, None, None)


def test_a_task_without_a_status_is_pending() -> None:
    bare = body()
    del bare["status"]
    assert parsed(bare).phase is Phase.PENDING


def test_its_id_follows_from_queue_uid_and_run() -> None:
    assert view().id == "mail.uid-1-1"
    assert view({"run": 2}).id == "mail.uid-1-2"
    assert queue_of(view({"queue": "emails"}).id) == "emails"


@pytest.mark.parametrize(
    ("run", "status", "finished"),
    [
        (1, {"phase": "Succeeded", "run": 1}, True),
        (1, {"phase": "Succeeded"}, True),  # a status without `run` speaks of run 1
        (2, {"phase": "Succeeded", "run": 1}, False),
        (2, {"phase": "Failed", "run": 2}, True),
        (1, {"phase": "Running", "run": 1}, False),
    ],
)
def test_it_has_finished_when_this_run_has(run: int, status: dict[str, object], finished: bool) -> None:
    assert view({"run": run}, status).finished == finished


def test_times_count_from_its_creation() -> None:
    task = view({"delaySeconds": 5, "deadlineSeconds": 60})
    assert (task.not_before, task.deadline) == (CREATED + 5, CREATED + 60)
    assert view({"notBefore": "2027-01-01T09:00:00Z"}).not_before == 1_798_794_000.0


def test_its_trace_may_be_given() -> None:
    assert parsed(body(annotations={ANNOTATION: "00-a-b-01"})).traceparent == "00-a-b-01"


def test_annotations_may_be_absent() -> None:
    bare = body()
    del bare["metadata"]["annotations"]
    assert parsed(bare).traceparent is None


def test_fields_of_a_newer_schema_are_ignored() -> None:
    assert view({"colour": "red"}).spec.task == "mail.send"


def test_a_spec_that_is_not_understood_is_a_validation_error() -> None:
    with pytest.raises(ValidationError):
        view({"priority": "urgent"})


def test_a_phase_that_is_not_understood_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="phase"):
        view(status={"phase": "Hibernating"})


def test_it_reads_what_the_schema_says() -> None:
    """Names and defaults have their home in the resource's model."""
    for struct, model in ((Spec, TaskSpec), (Retry, RetryPolicy), (Backoff, ResourceBackoff), (Dependency, Parent)):
        fields = {one.name: one for one in msgspec.structs.fields(struct)}
        assert set(model.model_fields) - set(fields) <= {"args", "kwargs"}
        for name, field in model.model_fields.items():
            if name in fields:
                assert fields[name].encode_name == (field.alias or to_camel(name))
                if not field.is_required() and struct is not Retry:
                    assert fields[name].default == field.get_default(call_default_factory=True)


def test_arguments_keep_their_spelling() -> None:
    task = view({"args": [1, "ü", None], "kwargs": {"a": {"b": 1.5}}})
    assert task.payload == '[[1,"ü",null],{"a":{"b":1.5}}]'.encode()
    assert view().payload == b"[[],{}]"


def test_large_arguments_are_kept_only_where_they_are_wanted() -> None:
    large = body({"args": ["x" * 5000]})
    assert (parsed(large).payload, parsed(large).payload_bytes) == (b"", 5009)
    assert len(TaskView.parse(msgspec.json.encode(large), whole=True).payload) == 5009


def test_of_one_that_has_ended_no_arguments_are_kept() -> None:
    assert view({"args": [1]}, {"phase": "Succeeded"}).payload == b""


def test_their_size_does_not_depend_on_how_the_server_spells_them() -> None:
    escaped = msgspec.json.encode(body({"args": ["<" * 100_000]})).replace(b"<", rb"\u003c")
    assert TaskView.parse(escaped).payload_bytes == 100_009
