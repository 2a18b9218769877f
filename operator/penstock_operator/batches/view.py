"""A TaskBatch as the operator keeps it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from penstock import telemetry
from penstock.codec import check_depth
from penstock.culprit import MAX_DEPTH
from penstock.envelope import ResourceRef
from penstock.keys import batch_id
from penstock.kube import Manifest
from penstock.resources.batch import TaskBatchSpec
from penstock.resources.phase import BatchPhase
from penstock_operator.api import part

__all__ = ["BatchBody", "BatchView"]

ENVELOPE_LEVELS = 8  # of an object around an item's arguments


class BatchBody(Struct, frozen=True):
    """A TaskBatch as the API server gives it; `problem` tells why it isn't understood."""

    manifest: Manifest
    problem: str = ""

    @classmethod
    def parse(cls, body: bytes) -> BatchBody:
        """From its JSON. Raises ValueError for one that is too deep."""
        try:
            check_depth(body, MAX_DEPTH + ENVELOPE_LEVELS)
        except ValueError as error:
            raise ValueError(f"spec.items: {error}: pass a reference instead") from None
        return cls(msgspec.json.decode(body, type=Manifest))

    @classmethod
    def misread(cls, manifest: Manifest, problem: str) -> BatchBody:
        """One that isn't understood."""
        return cls(manifest, problem)

    @property
    def uid(self) -> str:
        """Tells namesakes apart."""
        return str(self.manifest["metadata"]["uid"])


@dataclass(frozen=True)
class BatchView:
    """One TaskBatch at one resourceVersion. Times are seconds since the epoch; `status` is its status as JSON.
    `problem` tells why it isn't understood; then the spec holds what is."""

    ref: ResourceRef
    spec: TaskBatchSpec
    created_at: float
    status: Manifest
    traceparent: str
    problem: str = ""
    deleting: bool = False

    @classmethod
    def of(cls, body: Manifest, before: BatchView | None = None) -> BatchView:
        """From the API's JSON; of the same generation as `before`, its spec isn't parsed again. Raises ValueError."""
        meta = body["metadata"]
        same = before and (before.ref.uid, before.ref.generation) == (meta["uid"], meta.get("generation", 1))
        spec = before.spec if before and same else TaskBatchSpec.stored(body["spec"])
        ref = ResourceRef(meta["namespace"], meta["name"], meta["uid"], spec.run, meta.get("generation", 1))
        given = (meta.get("annotations") or {}).get(telemetry.ANNOTATION)
        traceparent = given if given and telemetry.trace_id(given) else telemetry.derived(ref.uid)
        status, deleting = dict(body.get("status") or {}), "deletionTimestamp" in meta
        return cls(ref, spec, _epoch(meta["creationTimestamp"]), status, traceparent, deleting=deleting)

    @classmethod
    def misread(cls, body: Manifest, problem: str) -> BatchView:
        """One that isn't understood: what tells it apart, and how far it is."""
        meta, given = body["metadata"], part(body, "spec")
        known: Manifest = {name: given[name] for name in ("task", "queue", "run", "itemCount") if name in given}
        try:
            spec = TaskBatchSpec.stored(known)
        except ValueError:
            spec = TaskBatchSpec(task="unknown")
        ref = ResourceRef(meta["namespace"], meta["name"], meta["uid"], spec.run, meta.get("generation", 1))
        status = dict(part(body, "status"))
        return cls(
            ref,
            spec,
            _epoch(meta["creationTimestamp"]),
            status,
            telemetry.derived(ref.uid),
            problem,
            "deletionTimestamp" in meta,
        )

    @property
    def id(self) -> str:
        """The broker's id."""
        return batch_id(self.spec.queue_name(), self.ref.uid)

    @property
    def began_before(self) -> bool:
        """Whether the operator has begun with it, in whichever run."""
        return "startedAt" in self.status

    @property
    def began(self) -> float | None:
        """When the operator began with this run."""
        said = self.status.get("startedAt")
        return _epoch(said) if said and self.status.get("run", 1) == self.ref.run else None

    @property
    def finished(self) -> bool:
        """Whether this run has ended."""
        phase = BatchPhase(self.status.get("phase", BatchPhase.PENDING))
        return phase.terminal and self.status.get("run", 1) >= self.ref.run

    @property
    def finished_at(self) -> float | None:
        """When it ended."""
        said = self.status.get("finishedAt")
        return _epoch(said) if said else None

    def deadline(self, now: float) -> float | None:
        """When it must have ended: the first run counts from the creation, a later one from its own beginning."""
        limit = self.spec.deadline_seconds
        since = self.created_at if self.ref.run == 1 else self.began or now
        return None if limit is None else since + limit


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
