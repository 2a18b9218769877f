"""Kubernetes Events: changes that a person may want to see in `kubectl describe`. Never worth failing for, nor worth
keeping the API server busy."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from penstock.errors import PenstockError
from penstock.kube import Kube
from penstock.pace import Pace
from penstock.report import moment
from penstock.resources.kinds import API_VERSION
from penstock_operator.api import EVENTS

__all__ = ["Events", "Subject"]

log = logging.getLogger("penstock.operator")
NOTE_LIMIT = 1000  # bytes; the API takes 1 kB
# Of all objects together.
PER_SECOND, BURST = 20.0, 100
COMPLAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about."""

    kind: str
    namespace: str
    name: str
    uid: str


class Events:
    """Writes Events: so many at once, then so many a second. `dropped` counts those beyond that."""

    def __init__(self, kube: Kube, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._instance = instance
        self._pace = Pace(PER_SECOND, BURST, clock)
        self._complaints = Pace(1 / COMPLAIN_SECONDS, clock=clock)
        self._told = 0
        self.dropped = 0

    async def write(
        self, about: Subject, type: Literal["Normal", "Warning"], reason: str, note: str, *, at: float
    ) -> None:
        """Write one, or drop it where there are too many."""
        if not self._pace.take():
            self._drop()
            return
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{about.name[:200]}.{uuid.uuid4().hex[:12]}", "namespace": about.namespace},
            "eventTime": moment(at),
            "reportingController": "penstock.dev/operator",
            "reportingInstance": self._instance,
            "type": type,
            "action": reason,
            "reason": reason,
            "note": note.encode()[:NOTE_LIMIT].decode(errors="ignore"),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
        }
        try:
            await self._kube.create(EVENTS, about.namespace, body)
        except PenstockError as error:
            log.info("couldn't write the Event %s about %s/%s: %s", reason, about.namespace, about.name, error)

    def _drop(self) -> None:
        self.dropped += 1
        if self._complaints.take():
            log.warning("%d Events dropped: more than %g a second", self.dropped - self._told, PER_SECOND)
            self._told = self.dropped
