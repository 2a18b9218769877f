"""A Task as the operator keeps it in memory: what decisions need, and nothing of the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from penstock.envelope import ResourceRef
from penstock.keys import task_id
from penstock.kube import Manifest
from penstock.resources.task import TaskSpec
from penstock.status import Phase
from penstock.telemetry import ANNOTATION

__all__ = ["TaskView"]


@dataclass(frozen=True)
class TaskView:
    """One Task at one resourceVersion. Times are seconds since the epoch.

    `observed` is the generation that its status speaks of, in so many `conditions`; `said` is the reason of the
    one on its admission.
    """

    ref: ResourceRef
    spec: TaskSpec
    created_at: float
    phase: Phase
    status_run: int
    finished_at: float | None
    observed: int
    conditions: int
    traceparent: str | None
    said: str = ""

    @classmethod
    def of(cls, body: Manifest) -> TaskView:
        """From the API's JSON. Raises pydantic's ValidationError for what a newer schema may have let in."""
        meta, status = body["metadata"], body.get("status") or {}
        spec = TaskSpec.stored(body["spec"])
        ref = ResourceRef(meta["namespace"], meta["name"], meta["uid"], spec.run, meta.get("generation", 1))
        return cls(
            ref,
            spec,
            _epoch(meta["creationTimestamp"]),
            Phase(status.get("phase", Phase.PENDING)),
            status.get("run", 1),
            _epoch(status["finishedAt"]) if status.get("finishedAt") else None,
            status.get("observedGeneration", -1),
            len(status.get("conditions") or ()),
            (meta.get("annotations") or {}).get(ANNOTATION),
            _admission(status.get("conditions") or ()),
        )

    @property
    def finished(self) -> bool:
        """Whether this run has ended."""
        return self.phase.terminal and self.status_run >= self.ref.run

    @cached_property
    def queue(self) -> str:
        """The queue that it waits in."""
        return self.spec.queue_name()

    @cached_property
    def id(self) -> str:
        """The broker's id for this run: the same however often it is admitted."""
        return task_id(self.queue, f"{self.ref.uid}-{self.ref.run}")

    @property
    def deadline(self) -> float | None:
        """When it must have ended."""
        limit = self.spec.deadline_seconds
        return None if limit is None else self.created_at + limit

    @property
    def not_before(self) -> float | None:
        """Its earliest start."""
        if self.spec.not_before is not None:
            return self.spec.not_before.timestamp()
        delay = self.spec.delay_seconds
        return None if delay is None else self.created_at + delay


def _admission(conditions: Iterable[Manifest]) -> str:
    return next((str(one.get("reason", "")) for one in conditions if one.get("type") == "Admitted"), "")


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
