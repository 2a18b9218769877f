"""Writing a Task's status: fenced by uid and run, and never over a terminal phase. The worker reports by it, and the
operator, for workers that died before they could."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from penstock import report, telemetry
from penstock.envelope import ResourceRef
from penstock.errors import ApiRefused
from penstock.keys import queue_of
from penstock.kube import Kube, Manifest
from penstock.outcome import Failure, Outcome
from penstock.report import TASKS
from penstock.standing import Standing
from penstock.status import Phase
from penstock.telemetry import Step

__all__ = ["StatusWriter"]

log = logging.getLogger("penstock.report")
NOT_FOUND = 404
# 422: a `test` of the patch failed, or the schema says no; 400 and 413: what was sent can't be taken at all.
REFUSED = (400, 413, 422)


class StatusWriter:
    """Raises ApiRefused or NotConnected where trying again may help; whatever else can't be written is settled here."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def ended(self, outcome: Outcome) -> bool:
        """Write how a Task ended. False if there is nothing (any more) to write it on."""
        ref = outcome.resource
        if ref is None:
            return False
        names = telemetry.attributes(Step.REPORT, id=outcome.id, task=outcome.task, queue=queue_of(outcome.id))
        span = telemetry.start(Step.REPORT, names, parent=outcome.traceparent)
        try:
            return await self._write_ended(ref, outcome)
        finally:
            span.end()

    async def _write_ended(self, ref: ResourceRef, outcome: Outcome) -> bool:
        if await self._write(ref, report.ended(ref, outcome)):
            return True
        if not await self._still_open(ref):
            return False
        # The object is the right one and still open, so the schema didn't like what the task returned or raised.
        failure = Failure("ResultRefused", "the API server refused the result; the broker still has it")
        bare = msgspec.structs.replace(outcome, result=None, failure=outcome.failure and failure)
        log.error("%s/%s: the API server refused its outcome; reported without the result", ref.namespace, ref.name)
        return await self._write(ref, report.ended(ref, bare))

    async def standing(self, ref: ResourceRef, now: Standing, *, over: Sequence[Phase] = ()) -> bool:
        """Write how an unfinished Task stands, if its phase still is the one in `over` (none given: any open one)."""
        return await self._write(ref, report.standing(ref, now), over=over)

    async def observed(self, ref: ResourceRef, conditions: int) -> bool:
        """Write that an ended Task's status holds for its present generation too."""
        return await self._patch(ref, report.observed(ref, conditions))

    async def _write(self, ref: ResourceRef, status: Manifest, *, over: Sequence[Phase] = ()) -> bool:
        return await self._patch(ref, report.guarded(ref, status, over=over))

    async def _patch(self, ref: ResourceRef, patch: list[Manifest]) -> bool:
        try:
            await self._kube.patch(TASKS, ref.namespace, ref.name, patch, subresource="status")
        except ApiRefused as error:
            if error.status in (NOT_FOUND, *REFUSED):
                return False
            raise
        return True

    async def _still_open(self, ref: ResourceRef) -> bool:
        task = await self._kube.get(TASKS, ref.namespace, ref.name)
        return (
            task is not None
            and task["metadata"]["uid"] == ref.uid
            and task["spec"].get("run", 1) == ref.run
            and not (task["status"].get("run", 1) == ref.run and Phase(task["status"]["phase"]).terminal)
        )
