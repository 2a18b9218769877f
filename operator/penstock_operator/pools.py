"""WorkerPools: gives each its Deployment, as many replicas as the policy says, and a status that tells why."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from penstock.broker.messages import Depth
from penstock.errors import ApiRefused, ConfigurationError
from penstock.kube import Kube, Manifest
from penstock.resources.pool import WorkerPool
from penstock.workqueue import WorkQueue
from penstock_operator.api import DEPLOYMENTS, WORKER_POOLS, Key
from penstock_operator.autoscale.policy import Decision, Load, decide
from penstock_operator.events import Events, Subject
from penstock_operator.manifests import POOL_LABEL, deployment, fingerprint, pool_queues
from penstock_operator.namespaces import Namespaces
from penstock_operator.pool_status import Workers, pool_status
from penstock_operator.settings import Settings

__all__ = ["Pools"]

log = logging.getLogger("penstock.operator")
WORKERS = 8
REFUSED_AGAIN_SECONDS = 30.0
STATUS_SECONDS = 5.0  # how soon a status follows what changes all the time
OWNER = "penstock-operator"
NOT_FOUND, CONFLICT = 404, 409


@dataclass
class _State:
    """One pool: what it should be, what was done, what was seen."""

    pool: WorkerPool
    workers: Workers | None = None  # None until the Deployment was looked at
    decision: Decision | None = None
    busy_at: float = field(default_factory=time.monotonic)
    applied: str = ""
    stored: Manifest = field(default_factory=dict)  # the status as last seen
    written: Manifest = field(default_factory=dict)
    refused: str = ""

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return str(self.pool.metadata.namespace), str(self.pool.metadata.name)


class Pools:
    """All WorkerPools."""

    def __init__(
        self,
        kube: Kube,
        namespaces: Namespaces,
        events: Events,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._events = events
        self._settings = settings
        self._clock = clock
        self._states: dict[Key, _State] = {}
        self.queue: WorkQueue[Key] = WorkQueue("pools", self._reconcile, workers=WORKERS)

    # --- what the watches say ---------------------------------------------------------------------------------------

    def seen(self, body: Manifest) -> None:
        """A pool was added or changed."""
        try:
            pool = WorkerPool.stored(body)
        except ValidationError as error:
            log.error("WorkerPool %s isn't understood and stays as it is: %s", body["metadata"]["name"], error)
            return
        key = (str(pool.metadata.namespace), str(pool.metadata.name))
        status = dict(body.get("status") or {})
        if key in self._states:
            self._states[key].pool, self._states[key].stored = pool, status
        else:
            self._states[key] = _State(pool, stored=status, written=status)
        self.queue.add(key)

    def gone(self, body: Manifest) -> None:
        """A pool was deleted; Kubernetes' garbage collection takes its Deployment."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        self._states.pop(key, None)
        self.queue.forget(key)

    def deployment_seen(self, body: Manifest) -> None:
        """A pool's Deployment changed (or is gone, and then comes again)."""
        key = (body["metadata"]["namespace"], body["metadata"]["labels"][POOL_LABEL])
        if (state := self._states.get(key)) is not None:
            state.workers = Workers.of(body)
            self.queue.add(key)

    def deployment_gone(self, body: Manifest) -> None:
        """Somebody deleted a pool's Deployment."""
        key = (body["metadata"]["namespace"], body["metadata"]["labels"][POOL_LABEL])
        if (state := self._states.get(key)) is not None:
            state.workers, state.applied = Workers(), ""
            self.queue.add(key)

    def queues(self) -> set[tuple[str, str]]:
        """(namespace, queue) that pools serve."""
        return {
            (namespace, queue)
            for (namespace, _), state in self._states.items()
            for queue in pool_queues(state.pool.spec)
        }

    def depths(self, depths: Mapping[tuple[str, str], Depth | None]) -> None:
        """The queues were looked at: decide, and act where that changes something."""
        for key, state in self._states.items():
            if state.workers is None:
                continue
            decision = decide(self._load(state, depths), state.pool.spec, self._current(state))
            before, state.decision = state.decision, decision
            if before is None or (before.replicas, before.reason) != (decision.replicas, decision.reason):
                self.queue.add(key)
            elif before.inputs.get("busy") != decision.inputs.get("busy"):
                self.queue.add_after(key, STATUS_SECONDS)

    def _load(self, state: _State, depths: Mapping[tuple[str, str], Depth | None]) -> Load | None:
        namespace = state.key[0]
        found = [depths.get((namespace, queue)) for queue in pool_queues(state.pool.spec)]
        known = [depth for depth in found if depth is not None]
        if len(known) < len(found):
            return None
        if any(depth.backlog for depth in known):
            state.busy_at = time.monotonic()
        return Load.of(known, time.monotonic() - state.busy_at)

    @staticmethod
    def _current(state: _State) -> int:
        """What was decided last; after a restart, what the Deployment says."""
        if state.decision is not None:
            return state.decision.replicas
        return state.workers.wanted if state.workers else 0

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        for key, state in self._states.items():
            state.workers, state.decision, state.applied, state.written = None, None, "", state.stored
            state.busy_at = time.monotonic()  # as far as is known here
            self.queue.add(key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> float | None:
        state = self._states.get(key)
        if state is None:
            return None
        namespace, name = key
        await self._namespaces.ensure(namespace)
        if state.workers is None:
            found = await self._kube.get(DEPLOYMENTS, namespace, f"{name}-workers")
            state.workers = Workers.of(found) if found else Workers()
        decision = state.decision or Decision(self._current(state), "Starting", "the queues are about to be read")
        await self._bring_about(state, decision)
        await self._write_status(state, decision)
        return REFUSED_AGAIN_SECONDS if state.refused else None

    async def _bring_about(self, state: _State, decision: Decision) -> None:
        workers = state.workers or Workers()
        try:
            await self._apply(state, decision.replicas, workers)
        except ConfigurationError as error:
            state.refused = str(error)
        except ApiRefused as error:
            if error.status == NOT_FOUND:  # deleted unseen: the next try makes it anew
                state.applied = ""
            if error.status in (NOT_FOUND, CONFLICT):  # it isn't as it was last seen: the next try looks first
                state.workers = None
            if error.passing or error.status in (NOT_FOUND, CONFLICT):
                raise
            state.refused = error.message
        else:
            state.refused = ""
            if workers.wanted != decision.replicas:
                await self._tell(state, workers.wanted, decision)

    async def _apply(self, state: _State, replicas: int, before: Workers) -> None:
        """1. the Deployment as the spec asks for it, 2. else only its scale. On what was last seen of it alone: whoever
        leads no more, and doesn't know it yet, has seen an older one."""
        namespace, name = state.key
        seen = {"resourceVersion": before.version} if before.version else {}
        manifest = deployment(state.pool, replicas, self._settings)
        wanted = fingerprint(manifest | {"spec": manifest["spec"] | {"replicas": 0}})
        if wanted != state.applied:
            manifest = manifest | {"metadata": manifest["metadata"] | seen}
            state.workers = Workers.of(await self._kube.apply(DEPLOYMENTS, namespace, manifest, owner=OWNER))
            state.applied = wanted
        elif before.wanted != replicas:
            change = {"metadata": seen, "spec": {"replicas": replicas}}
            state.workers = Workers.of(
                await self._kube.merge(DEPLOYMENTS, namespace, f"{name}-workers", change, owner=OWNER)
            )

    async def _tell(self, state: _State, before: int, decision: Decision) -> None:
        meta = state.pool.metadata
        about = Subject("WorkerPool", *state.key, str(meta.uid))
        reason = "ScaledOut" if decision.replicas > before else "ScaledIn"
        note = f"{before} → {decision.replicas} replicas: {decision.reason}: {decision.message}"
        log.info("pool %s/%s: %s", *state.key, note)
        await self._events.write(about, "Normal", reason, note, at=self._clock())

    async def _write_status(self, state: _State, decision: Decision) -> None:
        namespace, name = state.key
        status = pool_status(
            state.pool,
            state.workers or Workers(),
            decision,
            state.refused,
            old=state.written,
            now=self._clock(),
        )
        if _said(status) == _said(state.written):
            return
        try:
            await self._kube.replace_status(WORKER_POOLS, namespace, name, status)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
                raise
        state.written = status


def _said(status: Manifest) -> Manifest:
    """A status without what changes all the time."""
    decision = status.get("decision") or {}
    return status | {"decision": {key: decision.get(key) for key in ("replicas", "reason")}}
