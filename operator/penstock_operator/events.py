"""Kubernetes Events: changes that a person may want to see in `kubectl describe`. Never worth failing for."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import Literal

from penstock.errors import PenstockError
from penstock.kube import Kube
from penstock.report import moment
from penstock.resources.kinds import API_VERSION
from penstock_operator.api import EVENTS

__all__ = ["Events", "Subject"]

log = logging.getLogger("penstock.operator")
NOTE_LIMIT = 1000  # bytes; the API takes 1 kB


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about."""

    kind: str
    namespace: str
    name: str
    uid: str


class Events:
    """Writes Events."""

    def __init__(self, kube: Kube, instance: str) -> None:
        self._kube = kube
        self._instance = instance

    async def write(
        self, about: Subject, type: Literal["Normal", "Warning"], reason: str, note: str, *, at: float
    ) -> None:
        """Write one."""
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
