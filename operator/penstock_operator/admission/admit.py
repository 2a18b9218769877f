"""Puts Tasks on their queues, under one trace each."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import msgspec

from penstock import telemetry, tracing
from penstock.batcher import Batcher
from penstock.broker.messages import Receipt, Sent
from penstock.envelope import Envelope
from penstock.retry import RetryPolicy
from penstock.telemetry import Step
from penstock_operator.admission.view import TaskView
from penstock_operator.brokers import Brokers

__all__ = ["Admission", "admit_identity", "envelope_of", "same_call"]


class Admission:
    """Sends in batches, one a queue. Sending an id again changes nothing, so it is done whenever in doubt."""

    def __init__(self, brokers: Brokers, clock: Callable[[], float] = time.time) -> None:
        self._brokers = brokers
        self._clock = clock
        self._batchers: dict[tuple[str, str], Batcher[Envelope, Receipt]] = {}

    async def admit(self, task: TaskView) -> Receipt:
        """Queue the Task, unless its queue is full."""
        began = self._clock()
        identity = admit_identity(task)
        receipt = await self._sent(task, envelope_of(task, identity))
        if receipt.sent is not Sent.FULL:
            self._trace(task, identity, began)
        return receipt

    async def _sent(self, task: TaskView, envelope: Envelope) -> Receipt:
        """With others of its queue. Queues come and go: one that nobody sends to any more is forgotten."""
        key = (task.ref.namespace, task.queue)
        batcher = self._batchers.get(key)
        if batcher is None:
            batcher = self._batchers[key] = Batcher(self._brokers.of(key[0]).send)
        try:
            return await batcher(envelope)
        finally:
            if batcher.idle and self._batchers.get(key) is batcher:
                del self._batchers[key]

    def _trace(self, task: TaskView, identity: str, began: float) -> None:
        names = partial(telemetry.attributes, id=task.id, task=task.spec.task, queue=task.queue)
        parent = task.traceparent
        if telemetry.trace_id(parent) is None:
            # Nobody traced the `kubectl apply`: its span is told from what the API server noted, to the second.
            parent = telemetry.derived(task.ref.uid)
            tracing.record_derived(
                Step.SUBMIT, names(Step.SUBMIT), parent, parent=None, began=min(task.created_at, began), ended=began
            )
        tracing.record_derived(Step.ADMIT, names(Step.ADMIT), identity, parent=parent, began=began, ended=self._clock())


def admit_identity(task: TaskView) -> str:
    """The admit span's context. It follows from uid and run, so that a restarted operator continues the trace."""
    own = telemetry.derived(task.ref.uid, f"admit-{task.ref.run}")
    trace_id = telemetry.trace_id(task.traceparent)
    if trace_id is None:
        return own
    _, _, span_hex, flags = own.split("-")
    return f"00-{trace_id}-{span_hex}-{flags}"


def same_call(one: TaskView, other: TaskView) -> bool:
    """Whether two looks at a Task make the same message. Its arguments are immutable."""
    first, second = (
        msgspec.structs.replace(envelope_of(task, ""), payload=b"", resource=None) for task in (one, other)
    )
    return first == second


def envelope_of(task: TaskView, traceparent: str) -> Envelope:
    """The message that a Task becomes. Its payload must be there."""
    spec = task.spec
    return Envelope(
        id=task.id,
        task=spec.task,
        queue=task.queue,
        payload=task.payload,
        priority=spec.priority,
        created_at=task.created_at,
        not_before=task.not_before,
        timeout=spec.timeout_seconds,
        deadline=task.deadline,
        retry=RetryPolicy.of(spec.retry) if spec.retry else None,
        key=spec.concurrency_key,
        traceparent=traceparent,
        resource=task.ref,
    )
