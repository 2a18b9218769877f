"""WorkerPools by the command line: what the API server holds, and what the operator answers through its proxy."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.errors import ApiRefused, ConfigurationError
from penstock.explanation import Explanation, path
from penstock.kube import Kube, Manifest, Resource
from penstock.namespace import current_namespace
from penstock.report import WORKER_POOLS
from penstock.resources.pool import WorkerPool

__all__ = ["Found", "Operator", "find", "pool_lines"]

EVENTS = Resource("/api/v1", "events")
SERVICES = Resource("/api/v1", "services")
PORT = "api"
LATEST_EVENTS = 8
FORBIDDEN, NOT_FOUND, UNAVAILABLE = 403, 404, 503


@dataclass(frozen=True, slots=True)
class Operator:
    """Where the operator's Service is."""

    namespace: str
    service: str


@dataclass(frozen=True, slots=True)
class Found:
    """All that is known of a pool. Where `explanation` is None, `missing` says why and what helps."""

    body: Manifest
    events: list[Manifest]
    explanation: Explanation | None
    missing: str = ""

    @property
    def pool(self) -> WorkerPool:
        """The resource."""
        return WorkerPool.stored(self.body)

    def json(self) -> str:
        """For machines."""
        told = {
            "pool": self.body,
            "operator": msgspec.to_builtins(self.explanation),
            "missing": self.missing or None,
            "events": self.events,
        }
        return json.dumps(told, indent=2, ensure_ascii=False)


async def find(name: str, namespace: str, operator: Operator) -> Found:
    """A pool, its Events and why it is as it is. Raises ConfigurationError where there is no such pool."""
    namespace = namespace or current_namespace()
    async with _connected() as kube:
        body = await kube.get(WORKER_POOLS, namespace, name)
        if body is None:
            raise ConfigurationError(
                f"no WorkerPool {name!r} in namespace {namespace!r}: penstock pool list shows what there is, "
                "-n chooses another namespace"
            )
        events, missing = await _events(kube, namespace, name), ""
        try:
            explanation = await _explanation(kube, namespace, name, operator)
        except ApiRefused as refusal:
            explanation, missing = None, _remedy(refusal, operator)
        return Found(body, events, explanation, missing)


async def pool_lines(namespace: str) -> list[str]:
    """All pools, a line each: name, mode, how many of how many are ready, how many are busy, why."""
    async with _connected() as kube:
        found = kube.list(WORKER_POOLS, namespace or current_namespace())
        return [_line(WorkerPool.stored(body)) async for body in found]


def _line(pool: WorkerPool) -> str:
    status, mode = pool.status, pool.spec.autoscaling.mode
    count = f"{status.ready_replicas or 0}/{_said(status.desired_replicas)} ready"
    why = f"{status.decision.reason}: {status.decision.message}" if status.decision else "not looked at yet"
    return f"{pool.metadata.name}\t{mode}\t{count}\t{status.busy_replicas or 0} busy\t{why}"


def _said(count: int | None) -> str:
    return "?" if count is None else str(count)


@asynccontextmanager
async def _connected() -> AsyncGenerator[Kube, None]:
    kube = await Kube.connect()
    try:
        yield kube
    finally:
        await kube.close()


async def _explanation(kube: Kube, namespace: str, name: str, operator: Operator) -> Explanation:
    way = SERVICES.path(operator.namespace, f"{operator.service}:{PORT}", "proxy")
    return msgspec.json.decode(await kube.raw("GET", way + path(namespace, name)), type=Explanation)


def _remedy(refusal: ApiRefused, operator: Operator) -> str:
    where = f"the operator's Service {operator.service!r} in namespace {operator.namespace!r}"
    if refusal.status == FORBIDDEN:
        return (
            f"you may not read {where}: ask for its Role, kubectl -n {operator.namespace} create rolebinding "
            f"pool-readers --role={operator.service.removesuffix('-operator')}-signals-reader --user=YOU"
        )
    if refusal.status == NOT_FOUND and refusal.reason == "NotFound":
        return f"{where} isn't there: --system-namespace and --service name another"
    if refusal.status == UNAVAILABLE and refusal.reason == "ServiceUnavailable":
        return f"{where} has no pod that leads: kubectl -n {operator.namespace} get pods -L penstock.dev/leader"
    return f"{where} answers: {refusal.message}"


async def _events(kube: Kube, namespace: str, name: str) -> list[Manifest]:
    """The latest about the pool, oldest first; none where they may not be read."""
    selector = f"involvedObject.kind=WorkerPool,involvedObject.name={name}"
    try:
        found = [event async for event in kube.list(EVENTS, namespace, fieldSelector=selector)]
    except ApiRefused as refusal:
        if refusal.status != FORBIDDEN:
            raise
        return []
    told = [_told(event) for event in found if event["involvedObject"]["name"] == name]
    return sorted(told, key=lambda event: str(event["at"]))[-LATEST_EVENTS:]


def _told(event: Manifest) -> dict[str, Any]:
    at = event.get("eventTime") or event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
    return {"at": at, **{key: event.get(key, "") for key in ("type", "reason", "message")}}
