"""Submitting as Task resources, and following them there: for callers who see the API server but not the broker."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from opentelemetry import trace
from pydantic import ValidationError

from penstock import codec, telemetry
from penstock.errors import ApiRefused, ConfigurationError, NotConnected, ResultExpired, UnknownTask
from penstock.handle import Change, Handle, Source, TaskStatus
from penstock.kube import Kube, Manifest
from penstock.options import moment
from penstock.outcome import Failure, Outcome
from penstock.portal import Portal
from penstock.report import TASKS
from penstock.resources.batch import TaskBatch
from penstock.resources.kinds import API_VERSION
from penstock.resources.task import Task
from penstock.status import Phase
from penstock.submission import Signature
from penstock.telemetry import Step

__all__ = ["ResourceClient", "checked_manifest", "generated_name", "task_manifest"]

R = TypeVar("R")
LOOK_SECONDS = 0.25
CONCURRENT_CREATES = 32
CONFLICT = 409
_NOT_CARRIED = ("key", "expires", "debounce", "child", "id", "broadcast")  # all other options have a place in its spec


class ResourceClient:
    """One event loop's way to a namespace's Tasks. A handle's id is the Task's name."""

    def __init__(self, kube: Kube, namespace: str, *, source: Source | None = None) -> None:
        """`source`: what handles use to follow their Tasks; default: this client."""
        self.portal = Portal()
        self.codec = None  # resources aren't sealed
        self._kube = kube
        self._namespace = namespace
        self._source: Source = source or self

    async def submit(self, call: Signature[R]) -> Handle[R]:
        """Create one Task."""
        names = telemetry.attributes(Step.SUBMIT, id="", task=call.definition.name, queue=call.queue)
        span = telemetry.start(Step.SUBMIT, names)
        with trace.use_span(span, end_on_exit=True):
            manifest = task_manifest(call, telemetry.traceparent(span))
            name = await self._created(manifest, named=isinstance(call.options.resource, str))
            span.set_attribute("messaging.message.id", name)
        return Handle(name, self._source, call.definition.returns)

    async def _created(self, manifest: Manifest, *, named: bool) -> str:
        """Create a Task; once more where the answer was lost. A name that was made here is nobody else's."""
        name = str(manifest["metadata"]["name"])
        try:
            return await self.create(manifest)
        except NotConnected as error:
            if not error.open:
                raise
            try:
                return await self.create(manifest)
            except ApiRefused as refused:
                if refused.status != CONFLICT or named:
                    raise _left_open(error, name) from refused
                return name
            except NotConnected as again:
                raise _left_open(again, name) from error

    async def create(self, manifest: Manifest) -> str:
        """Create a Task from its manifest; its name."""
        created = await self._kube.create(TASKS, self._namespace, manifest)
        return str(created["metadata"]["name"])

    async def submit_many(self, calls: Sequence[Signature[R]]) -> list[Handle[R]]:
        """Create many Tasks over shared connections. Handles come in the calls' order."""
        places = asyncio.Semaphore(CONCURRENT_CREATES)

        async def submit(call: Signature[R]) -> Handle[R]:
            async with places:
                return await self.submit(call)

        return await asyncio.gather(*map(submit, calls))

    async def status(self, id: str) -> TaskStatus:
        """See Source."""
        status = await self._status(id)
        if status is None:
            raise UnknownTask(f"no Task {id!r} in namespace {self._namespace!r}")
        said = status.get("progress") or {}
        return TaskStatus(
            Phase(status["phase"]),
            status.get("attempts", 0),
            status.get("worker", ""),
            said.get("percent"),
            said.get("message", ""),
            _failure(status),
        )

    async def wait(self, id: str) -> Outcome | None:
        """See Source."""
        while (status := await self._status(id)) is not None:
            phase = Phase(status["phase"])
            if phase.terminal:
                if "resultRef" in status:
                    raise ResultExpired(
                        f"{id}: the result is too large for a resource and lies at {status['resultRef']}: "
                        "read it through the broker, app.handle(ID).result()"
                    )
                result = codec.encode_value(status.get("result"))
                return Outcome(
                    id=id, task="", phase=phase, finished_at=time.time(), result=result, failure=_failure(status)
                )
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def cancel(self, id: str) -> bool:
        """See Source."""
        if (await self.status(id)).phase.terminal:
            return False
        await self._kube.merge(TASKS, self._namespace, id, {"spec": {"cancel": True}})
        return True

    async def revise(self, id: str, change: Change) -> bool:
        """A Task's spec can't change."""
        raise ConfigurationError(f"Task {id!r}: a resource isn't rescheduled or replaced; cancel it and make another")

    async def _status(self, name: str) -> Manifest | None:
        task = await self._kube.get(TASKS, self._namespace, name)
        return None if task is None else dict(task["status"])

    async def close(self) -> None:
        """Close the connections."""
        await self._kube.close()


def _left_open(error: NotConnected, name: str) -> NotConnected:
    """The error for who can't know whether his Task is there."""
    told = (
        f"{error}; Task {name!r} may or may not be there: with options(resource={name!r}) a repeat makes no second one"
    )
    found = NotConnected(told, open=True)
    found.ids = [name]
    return found


def task_manifest(call: Signature[R], traceparent: str | None) -> Manifest:
    """The Task resource of a call. Raises ConfigurationError where the call isn't one."""
    options, definition = call.options, call.definition
    for name in _NOT_CARRIED:
        value = getattr(options, name, None) or getattr(definition.options, name, None)
        if value:
            raise ConfigurationError(
                f"{definition.name}: {name}={value!r} with resource=…: a Task resource can't say that yet; submit it "
                "without resource="
            )
    name = options.resource if isinstance(options.resource, str) else generated_name(definition.name)
    retry = call.retry() or definition.options.retry
    args, kwargs = codec.decode_call(definition.arguments.encoded(call.args, call.kwargs))
    spec = {
        "task": definition.name,
        "queue": call.queue,
        "args": args,
        "kwargs": kwargs,
        "priority": options.priority or definition.options.priority,
        "delaySeconds": options.delay,
        "notBefore": options.at and datetime.fromtimestamp(moment("options", options.at, time.time()), UTC),
        "timeoutSeconds": options.timeout or definition.options.timeout,
        "deadlineSeconds": options.deadline,
        "concurrencyKey": options.concurrency_key,
        "ttlSecondsAfterFinished": options.result_ttl and math.ceil(options.result_ttl),
        "retry": retry and retry.spec(),
    }
    annotations = {telemetry.ANNOTATION: traceparent} if traceparent else {}
    return checked_manifest({"name": name, "annotations": annotations}, spec)


def checked_manifest(metadata: Manifest, spec: Manifest, model: type[Task] | type[TaskBatch] = Task) -> Manifest:
    """A resource from its parts, without the fields that are None. Raises ConfigurationError that names the field."""
    present = {field: value for field, value in spec.items() if value is not None}
    document = {"apiVersion": API_VERSION, "kind": model.definition.kind, "metadata": metadata, "spec": present}
    try:
        return dict(model.model_validate(document).manifest())
    except ValidationError as error:
        kind = model.definition.kind
        raise ConfigurationError(f"{spec['task']} can't be a {kind} resource: {error}") from error


def generated_name(task: str) -> str:
    """A DNS label from the task's name, unique enough."""
    stem = "".join(c if c.isalnum() else "-" for c in task.lower()).strip("-")
    return f"{stem[:50]}-{uuid.uuid4().hex[:10]}"


def _failure(status: Manifest) -> Failure | None:
    return msgspec.convert(status["error"], Failure) if status.get("error") else None
