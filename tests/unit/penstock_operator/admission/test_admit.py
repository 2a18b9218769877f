from __future__ import annotations

import asyncio

import pytest
from hypothesis import given

from penstock import codec, telemetry, tracing
from penstock.broker.messages import Claimer, Limits, QueueConfig, Receipt, Sent
from penstock.envelope import decode
from penstock.retry import RetryPolicy
from penstock.telemetry import ANNOTATION, Step
from penstock_operator.admission.admit import Admission, admit_identity, envelope_of
from penstock_operator.admission.view import Retry, TaskView
from penstock_operator.brokers import Brokers
from tests.unit.penstock_operator.admission.views import CREATED, body, parsed, view, views

TRACE = "0af7651916cd43dd8448eb211c80319c"
WORKER = Claimer("w", "pod-1")


async def test_an_admitted_task_is_on_its_queue() -> None:
    brokers = Brokers("memory://")
    task = view()
    assert await Admission(brokers).admit(task) == Receipt(Sent.QUEUED, task.id)
    [begun] = (await brokers.of("shop").claim("mail", WORKER, 10)).begun
    assert decode(begun.message) == envelope_of(task, admit_identity(task))


async def test_admitting_again_changes_nothing_even_for_a_new_process() -> None:
    brokers = Brokers("memory://")
    receipts = [await Admission(brokers).admit(view()) for _ in range(2)]
    assert [receipt.sent for receipt in receipts] == [Sent.QUEUED, Sent.KNOWN]
    assert (await brokers.of("shop").depth(["mail"]))["mail"].ready == 1


async def test_what_a_full_queue_refuses_is_told_and_leaves_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[Step] = []
    monkeypatch.setattr(tracing, "record_derived", lambda step, *_, **__: spans.append(step))
    brokers = Brokers("memory://")
    await brokers.of("shop").configure("mail", QueueConfig(limits=Limits(depth=1)))
    receipts = [await Admission(brokers).admit(view({"run": run})) for run in (1, 2)]
    assert [receipt.sent for receipt in receipts] == [Sent.QUEUED, Sent.FULL]
    assert spans == [Step.SUBMIT, Step.ADMIT]


async def test_another_run_is_queued_beside() -> None:
    brokers = Brokers("memory://")
    for run in (1, 2):
        await Admission(brokers).admit(view({"run": run}))
    assert (await brokers.of("shop").depth(["mail"]))["mail"].ready == 2


async def test_a_burst_reaches_each_queue_and_namespace() -> None:
    brokers = Brokers("memory://")
    admission = Admission(brokers)
    tasks = []
    for number in range(50):
        manifest = body({"queue": f"q{number % 2}"})
        manifest["metadata"] |= {"uid": f"uid-{number}", "namespace": f"n{number % 2}"}
        tasks.append(parsed(manifest))
    await asyncio.gather(*map(admission.admit, tasks))
    assert [(await brokers.of(f"n{n}").depth([f"q{n}"]))[f"q{n}"].ready for n in range(2)] == [25, 25]


@given(views())
def test_the_trace_follows_from_uid_and_run_alone(task: TaskView) -> None:
    identity = admit_identity(task)
    assert identity == admit_identity(task)
    assert telemetry.trace_id(identity) == telemetry.trace_id(telemetry.derived("uid-1"))


def test_runs_are_spans_of_one_trace() -> None:
    first, second = admit_identity(view()), admit_identity(view({"run": 2}))
    assert first != second
    assert telemetry.trace_id(first) == telemetry.trace_id(second)


def test_a_given_trace_is_continued() -> None:
    task = parsed(body(annotations={ANNOTATION: f"00-{TRACE}-b7ad6b7169203331-01"}))
    assert telemetry.trace_id(admit_identity(task)) == TRACE
    assert admit_identity(task) != task.traceparent


def test_a_malformed_trace_is_as_good_as_none() -> None:
    assert admit_identity(parsed(body(annotations={ANNOTATION: "garbage"}))) == admit_identity(view())


def test_the_message_says_what_the_spec_does() -> None:
    task = view(
        {
            "queue": "emails",
            "args": [42, None],
            "kwargs": {"locale": "en"},
            "priority": "high",
            "concurrencyKey": "customer-7",
            "delaySeconds": 5,
            "timeoutSeconds": 1.5,
            "deadlineSeconds": 60,
            "retry": {"maxAttempts": 5, "backoff": {"initialSeconds": 2, "jitter": False}},
        }
    )
    envelope = envelope_of(task, "trace")
    assert (envelope.id, envelope.task, envelope.queue, envelope.priority) == (task.id, "mail.send", "emails", "high")
    assert codec.decode_call(envelope.payload) == ([42, None], {"locale": "en"})
    assert (envelope.not_before, envelope.deadline, envelope.timeout) == (CREATED + 5, CREATED + 60, 1.5)
    assert envelope.retry == RetryPolicy(5, 2.0, 2.0, 300.0, False)
    assert (envelope.traceparent, envelope.resource, envelope.created_at) == ("trace", task.ref, CREATED)
    assert envelope.key == "customer-7"


def test_without_a_policy_the_worker_decides() -> None:
    assert envelope_of(view(), "").retry is None


def test_the_defaults_of_resource_and_message_are_the_same() -> None:
    assert RetryPolicy.of(Retry()) == RetryPolicy()
