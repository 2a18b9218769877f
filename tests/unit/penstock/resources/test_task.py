import pytest
from pydantic import ValidationError

from penstock.resources.kinds import API_VERSION, GROUP, VERSION
from penstock.resources.meta import ObjectMeta
from penstock.resources.phase import TERMINAL, Phase
from penstock.resources.task import Priority, Task, TaskSpec, TaskStatus

MANIFEST = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "Task",
    "metadata": {"name": "welcome-42"},
    "spec": {
        "task": "shop.send_welcome",
        "queue": "emails",
        "args": [42, None, {"b": [1.5]}],
        "kwargs": {"locale": "en", "nothing": None},
        "priority": "high",
        "notBefore": "2027-01-01T09:00:00Z",
        "timeoutSeconds": 30.5,
        "deadlineSeconds": 600.0,
        "retry": {
            "maxAttempts": 5,
            "backoff": {"initialSeconds": 1.0, "factor": 2.0, "maxSeconds": 300.0, "jitter": True},
        },
        "idempotencyKey": "welcome-42",
        "concurrencyKey": "customer-7",
        "dependsOn": [{"name": "create-account-42", "onFailure": "Cancel"}],
        "suspend": False,
        "cancel": False,
        "run": 1,
        "ttlSecondsAfterFinished": 3600,
    },
    "status": {
        "phase": "Succeeded",
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Complete",
                "status": "True",
                "reason": "Succeeded",
                "message": "done",
                "lastTransitionTime": "2027-01-01T09:00:01.250000Z",
                "observedGeneration": 1,
            }
        ],
        "run": 1,
        "attempts": 1,
        "worker": "shop-1",
        "queuedAt": "2027-01-01T09:00:00Z",
        "startedAt": "2027-01-01T09:00:00Z",
        "finishedAt": "2027-01-01T09:00:01.250000Z",
        "queueSeconds": 0.5,
        "runSeconds": 1.25,
        "traceID": "0af7651916cd43dd8448eb211c80319c",
        "progress": {"percent": 100, "message": "all"},
        "result": None,
        "resultRef": "redis:x",
        "error": {"type": "ValueError", "message": "m", "traceback": "t", "retryable": True},
    },
}


def test_every_field_survives_the_round_trip() -> None:
    assert Task.stored(MANIFEST).manifest() == MANIFEST


def test_python_names_and_json_names_are_both_accepted() -> None:
    assert TaskSpec(task="shop.a", delay_seconds=3) == TaskSpec.model_validate({"task": "shop.a", "delaySeconds": 3})


def test_what_was_never_set_is_absent_from_the_manifest() -> None:
    task = Task(metadata=ObjectMeta(name="a"), spec=TaskSpec(task="shop.a", queue=None))
    assert task.manifest() == {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {"name": "a"},
        "spec": {"task": "shop.a"},
    }


def test_api_version_is_the_group_and_the_version() -> None:
    assert f"{GROUP}/{VERSION}" == API_VERSION


def test_defaults() -> None:
    task = Task.stored({"metadata": {}, "spec": {"task": "shop.a"}})
    assert (task.spec.priority, task.spec.run, task.spec.retry) == (Priority.NORMAL, 1, None)
    assert (task.status.phase, task.status.observed_generation) == (Phase.PENDING, -1)


@pytest.mark.parametrize(
    ("spec", "queue"), [({"task": "shop.a.b"}, "shop"), ({"task": "a"}, "a"), ({"task": "shop.a", "queue": "q"}, "q")]
)
def test_queue_name(spec: dict[str, str], queue: str) -> None:
    assert TaskSpec.model_validate(spec).queue_name() == queue


def test_fields_of_a_newer_crd_are_ignored_in_what_is_stored_but_refused_in_code() -> None:
    newer = {"metadata": {}, "spec": {"task": "shop.a", "colour": "red", "retry": {"backoff": {"shape": "fib"}}}}
    assert Task.stored(newer).spec.task == "shop.a"
    with pytest.raises(ValidationError, match=r"colour(.|\n)*Extra inputs"):
        Task.model_validate(newer)


def test_a_null_result_differs_from_none_at_all() -> None:
    assert TaskStatus(result=None).manifest() == {"result": None}
    assert TaskStatus(phase=Phase.RUNNING).manifest() == {"phase": "Running"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "1 a"},
        {"task": "shop.a", "queue": "Not A Queue"},
        {"task": "shop.a", "timeoutSeconds": 0},
        {"task": "shop.a", "timeoutSeconds": float("inf")},
        {"task": "shop.a", "run": 0},
        {"task": "shop.a", "priority": "urgent"},
        {"task": "shop.a", "notBefore": "2027-01-01T09:00:00"},
        {"task": "shop.a", "retry": {"maxAttempts": 0}},
        {"task": "shop.a", "idempotencyKey": ""},
    ],
)
def test_the_models_refuse_what_the_schema_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TaskSpec.model_validate(wrong)


def test_terminal_phases() -> None:
    assert {phase for phase in Phase if phase.terminal} == TERMINAL
    assert {"Succeeded", "Failed", "Cancelled", "DeadLettered"} == TERMINAL
