"""Submits TaskBatches and follows them: the resource is in the API server, its items are in the broker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from opentelemetry import trace

from penstock import telemetry
from penstock.batch import BatchFields, BatchHandle, BatchSource, BatchStatus
from penstock.batch_calls import batch_manifest
from penstock.batch_stream import CHUNK, Stream, Through, chunked
from penstock.batch_terms import batch_terms
from penstock.broker import Broker
from penstock.broker.batch import CANCELLED, FAILED, SUCCEEDED
from penstock.errors import ApiRefused, ConfigurationError, PenstockError, ResultExpired, UnknownTask
from penstock.handle import Source
from penstock.keys import item_id
from penstock.kube import Kube, Manifest
from penstock.outcome import Failure, Outcome
from penstock.report import TASK_BATCHES
from penstock.resources.batch import TaskBatchSpec
from penstock.resources.phase import BatchPhase
from penstock.sealing import PayloadCodec
from penstock.status import Phase
from penstock.submission import Signature
from penstock.telemetry import Step

__all__ = ["BatchClient"]

R = TypeVar("R")
Check = Callable[[Sequence[Signature[Any]]], None]
CONFLICT = 409


class BatchClient:
    """The batches of one namespace, for one event loop. `source` follows single items, `reach` is for handles."""

    def __init__(
        self,
        kube: Kube,
        broker: Broker,
        namespace: str,
        *,
        source: Source,
        reach: Callable[[], Awaitable[BatchSource]],
    ) -> None:
        self.codec: PayloadCodec | None = source.codec
        self._kube = kube
        self._broker = broker
        self._namespace = namespace
        self._source = source
        self._reach = reach

    # --- submitting -------------------------------------------------------------------------------------------------

    async def submit(
        self,
        calls: Iterable[Signature[R]] | AsyncIterable[Signature[R]],
        asked: BatchFields,
        check: Check,
        through: Through | None,
    ) -> BatchHandle[R]:
        """Create the TaskBatch, stream its items, and say how many there were. `check` raises for calls that aren't the
        app's; `through`: the app's middlewares."""
        chunks = chunked(calls)
        first = await anext(chunks, None)
        if first is None:
            raise ConfigurationError("batch(): give it at least one call, such as task.s(…)")
        check(first[:1])  # the others are of the same task
        definition = first[0].definition
        span = telemetry.start(Step.SUBMIT, telemetry.attributes(Step.SUBMIT, id="", task=definition.name, queue=""))
        with trace.use_span(span, end_on_exit=True):
            parent = telemetry.traceparent(span) or telemetry.current()
            created = await self._created(batch_manifest(first[0], asked, parent))
            name = str(created["metadata"]["name"])
            span.set_attribute("messaging.message.id", name)
            count = await Stream(self._broker, self._source, created, first[0], parent).run(first, chunks, through)
        await self._kube.merge(TASK_BATCHES, self._namespace, name, {"spec": {"itemCount": count}})
        return BatchHandle(name, self._reach, definition.returns)

    async def _created(self, manifest: Manifest) -> Manifest:
        """The new TaskBatch, or the one of that name that still waits for its items."""
        try:
            return await self._kube.create(TASK_BATCHES, self._namespace, manifest)
        except ApiRefused as error:
            if error.status != CONFLICT:
                raise
        name = manifest["metadata"]["name"]
        found = await self._stored(name)
        spec = TaskBatchSpec.stored(found["spec"])
        if spec.task != manifest["spec"]["task"] or spec.total is not None or _status(found).phase.terminal:
            raise ConfigurationError(f"TaskBatch {name!r} exists already and waits for no items: use another name")
        return found

    # --- following --------------------------------------------------------------------------------------------------

    async def _stored(self, name: str) -> Manifest:
        found = await self._kube.get(TASK_BATCHES, self._namespace, name)
        if found is None:
            raise UnknownTask(f"no TaskBatch {name!r} in namespace {self._namespace!r}")
        return found

    async def names(self) -> list[tuple[str, BatchStatus]]:
        """All TaskBatches with their state."""
        listed = self._kube.list(TASK_BATCHES, self._namespace)
        return [(str(found["metadata"]["name"]), _status(found)) async for found in listed]

    async def status(self, name: str) -> BatchStatus:
        """See BatchSource."""
        return _status(await self._stored(name))

    async def change(self, name: str, **spec: object) -> bool:
        """See BatchSource."""
        if (await self.status(name)).phase.terminal:
            return False
        await self._kube.merge(TASK_BATCHES, self._namespace, name, {"spec": spec})
        return True

    async def retry(self, name: str) -> int:
        """See BatchSource."""
        found = await self._stored(name)
        phase, run = _status(found).phase, int(found["spec"].get("run", 1))
        if not phase.terminal:
            raise ConfigurationError(f"TaskBatch {name!r} is {phase}: wait for its end, or cancel it, and then retry")
        await self._kube.patch(
            TASK_BATCHES,
            self._namespace,
            name,
            [
                {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
                {"op": "test", "path": "/spec/run", "value": run},
                {"op": "add", "path": "/spec/run", "value": run + 1},
                {"op": "add", "path": "/spec/cancel", "value": False},
            ],
        )
        return run + 1

    async def outcomes(self, name: str, *, failures: bool) -> AsyncGenerator[tuple[int, Outcome | PenstockError], None]:
        """See BatchSource."""
        found = await self._stored(name)
        batch = batch_terms(TaskBatchSpec.stored(found["spec"]), found["metadata"]["uid"]).id
        known = await self._broker.look(batch)
        if known is None:
            raise ResultExpired(f"TaskBatch {name}: the broker has no record of it (any more)")
        marks = FAILED if failures else SUCCEEDED + FAILED + CANCELLED
        indexes = [index for index, mark in enumerate(known.items) if mark in marks]
        for first in range(0, len(indexes), CHUNK):
            chunk = indexes[first : first + CHUNK]
            snapshots = await self._broker.snapshots([item_id(batch, index) for index in chunk])
            for index, snapshot in zip(chunk, snapshots, strict=True):
                outcome = snapshot.outcome if snapshot else None
                yield index, outcome or _unknown(item_id(batch, index), known.items[index : index + 1])

    async def close(self) -> None:
        """Close the connection to the API server."""
        await self._kube.close()


def _unknown(id: str, mark: bytes) -> Outcome | PenstockError:
    """The outcome of an item that the broker no longer keeps."""
    if mark != CANCELLED:
        return ResultExpired(f"{id}: its outcome has expired")
    failure = Failure("Cancelled", "cancelled before it started")
    return Outcome(id=id, task="", phase=Phase.CANCELLED, finished_at=0.0, failure=failure)


def _status(batch: Manifest) -> BatchStatus:
    """The state of a TaskBatch. It is pending if its next run hasn't begun."""
    said = batch.get("status") or {}
    if said.get("run", 1) < batch["spec"].get("run", 1):
        return BatchStatus(BatchPhase.PENDING)
    why: Manifest = next((one for one in said.get("conditions", ()) if one["type"] == "Finished"), {})
    return BatchStatus(
        BatchPhase(said.get("phase", BatchPhase.PENDING)),
        said.get("total", 0),
        said.get("waiting", 0),
        said.get("active", 0),
        said.get("succeeded", 0),
        said.get("failed", 0),
        said.get("cancelled", 0),
        said.get("failedIndexes", ""),
        why.get("reason", ""),
        why.get("message", ""),
    )
