"""WorkerPools: gives each its Deployment and as many replicas as the policy says.

looked (each second, and when a queue wakes) → judge → _reconcile: one step towards what was decided
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from penstock.errors import ApiRefused, ConfigurationError, PenstockError
from penstock.kube import Kube
from penstock.resources.pool import WorkerPool
from penstock.workqueue import WorkQueue
from penstock_operator.api import Key
from penstock_operator.autoscale.departure import Step, lowered, plan, strays
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.autoscale.survey import Reading
from penstock_operator.brokers import Brokers
from penstock_operator.events import Events
from penstock_operator.namespaces import Namespaces
from penstock_operator.pools.budgets import Budgets
from penstock_operator.pools.chronicle import Chronicle
from penstock_operator.pools.complaints import deployment_complaint, namespace_complaint
from penstock_operator.pools.deployments import Deployments
from penstock_operator.pools.disruption import MARKS
from penstock_operator.pools.farewells import Farewells
from penstock_operator.pools.judge import Judge
from penstock_operator.pools.overrides import overridden
from penstock_operator.pools.pod_events import PodEvents
from penstock_operator.pools.pods import Pods
from penstock_operator.pools.protection import Protection
from penstock_operator.pools.state import PoolState
from penstock_operator.pools.statuses import PoolStatuses
from penstock_operator.pools.views import PoolViews
from penstock_operator.pools.workloads import Workloads
from penstock_operator.settings import Settings
from penstock_operator.watching.made import Makings
from penstock_operator.watching.names import Names
from penstock_operator.watching.stored import Stored

__all__ = ["Edges", "Pools"]

log = logging.getLogger("penstock.operator")
WORKERS = 8
REFUSED_AGAIN_SECONDS = 30.0
STEP_SECONDS = 0.2  # between two steps of workers that are leaving


@dataclass(frozen=True, slots=True)
class Edges:
    """What pools act by."""

    kube: Kube
    brokers: Brokers
    namespaces: Namespaces
    events: Events
    settings: Settings


class Pools:
    """All WorkerPools. `readings` are the latest of all queues; `look(queue)` has one looked at now."""

    def __init__(
        self,
        edges: Edges,
        readings: Mapping[Key, Reading],
        look: Callable[[Key], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        concerned: Callable[[str, Collection[str]], None] = lambda _namespace, _queues: None,
    ) -> None:
        """`concerned` hears of queues, with their namespace, that are served by others now, or whose pools' trouble has
        begun or ended."""
        self._edges = edges
        self._tell = concerned
        self._troubled: set[Key] = set()
        self._look = look
        self._clock = clock
        self._deployments = Deployments(edges.kube, edges.settings)
        self._farewells = Farewells(edges.kube, edges.brokers)
        self._events = PodEvents(edges.kube)
        self._budgets = Budgets(edges.kube, self._concerned)
        self._protection = Protection(edges.kube)
        self.chronicle = Chronicle(edges.events, clock)
        self._states: dict[Key, PoolState] = {}
        self._servers: dict[Key, dict[Key, PoolState]] = {}  # by queue
        self._names = Names()
        self.pods = Pods(self._concerned)
        self.workloads = Workloads(self._deployment_seen, self._deployment_gone)
        self._judge = Judge(self.pods, readings, clock)
        self.views = PoolViews(self._states, readings)
        self.statuses = PoolStatuses(edges.kube, self._states, clock)
        self.queue: WorkQueue[Key] = WorkQueue("pools", self._reconcile, workers=WORKERS)

    # --- what the watches say ---------------------------------------------------------------------------------------

    def seen(self, body: Stored[WorkerPool]) -> None:
        """A pool was added or changed. One that isn't understood goes on as it was when it was last."""
        self._names.put(body.uid, body.key)
        if body.resource is None:
            self.statuses.complain(body)
            return
        self.statuses.understood(body.key)
        new = PoolState(body.resource, body.status)
        before = self._states.get(new.key)
        state = self._states.setdefault(new.key, new)
        served = set(state.queues) if before else set[str]()
        self._unlink(state)
        state.pool, state.stored = new.pool, new.stored
        for queue in state.queues:
            self._servers.setdefault((state.key[0], queue), {})[state.key] = state
        if changed := served ^ set(state.queues):
            self._tell(state.key[0], changed)
        self._concerned(state.key)

    def gone(self, uid: str) -> None:
        """A pool was deleted; Kubernetes' garbage collection takes its Deployment."""
        if (key := self._names.pop(uid)) is None:
            return
        state = self._states.pop(key, None)
        self._troubled.discard(key)
        if state is not None:
            self._unlink(state)
            self._tell(key[0], state.queues)
        self._deployments.forget(key)
        for part in (self._budgets, self._protection, self.chronicle):
            part.gone(key)
        self.pods.forget(key)
        self.queue.forget(key)
        self.statuses.forget(key)

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all that are kept."""
        return self._names.uids(namespace)

    def _unlink(self, state: PoolState) -> None:
        for queue in state.queues:
            servers = self._servers.get((state.key[0], queue), {})
            servers.pop(state.key, None)
            if not servers:
                self._servers.pop((state.key[0], queue), None)

    def _deployment_seen(self, key: Key, view: DeploymentView | None) -> None:
        if (state := self._states.get(key)) is not None:
            state.deployment = view
            self._concerned(key)

    def _deployment_gone(self, key: Key) -> None:
        """It comes again."""
        if (state := self._states.get(key)) is not None:
            state.deployment = DeploymentView()
            self._deployments.forget(key)
            self._concerned(key)

    @property
    def budgets(self) -> Makings:
        """The PodDisruptionBudgets that were made for them."""
        return self._budgets.makings

    def unprepared(self, namespace: str) -> None:
        """Somebody has taken from it what its workers need."""
        for key in self._states:
            if key[0] == namespace:
                self.queue.add(key)

    def _concerned(self, key: Key) -> None:
        if key in self._states:
            self.queue.add(key)
            self.statuses.changed(key)

    # --- what the queues say ----------------------------------------------------------------------------------------

    def queues(self) -> set[Key]:
        """(namespace, queue) that pools serve."""
        return set(self._servers)

    def serving(self, namespace: str, queue: str) -> tuple[bool, str]:
        """Whether a pool serves it, and what keeps one that does from working."""
        servers = self._servers.get((namespace, queue), {}).values()
        return bool(servers), next((f"WorkerPool {one.key[1]}: {one.trouble}" for one in servers if one.trouble), "")

    def horizons(self) -> dict[Key, float]:
        """How many seconds ahead tasks count that will be due: by then a worker that is started now is up."""
        return {queue: max(map(self._horizon, servers.values())) for queue, servers in self._servers.items()}

    def _horizon(self, state: PoolState) -> float:
        prewarm = state.pool.spec.autoscaling.prewarm_seconds
        return self.pods.start_seconds(state.key, self._clock()) if prewarm is None else prewarm

    def asleep(self, queue: Key) -> bool:
        """Whether pools serve it, and none of them works."""
        servers = self._servers.get(queue)
        return servers is not None and all(one.asleep for one in servers.values())

    def looked(self, queues: Iterable[Key]) -> None:
        """These were just looked at: decide, and act where that changes something."""
        for key in {key for queue in queues for key in self._servers.get(queue, ())}:
            state = self._states[key]
            silent = self.pods.silent(key, self._clock()) is not None
            if self._judged(state) or state.chosen or silent or self._protects(state):
                self.queue.add(key)
            self.statuses.changed(key)

    def _judged(self, state: PoolState) -> bool:
        """Decide. Whether anything is to be done about it."""
        before = state.decision
        acts = self._judge.judge(state, self._rivals(state))
        self.chronicle.judged(state, before)
        if bool(state.trouble) != (state.key in self._troubled):
            self._troubled ^= {state.key}
            self._tell(state.key[0], state.queues)
        return acts

    def _protects(self, state: PoolState) -> bool:
        """Whether its busy pods are marked, or were."""
        marked = any(not MARKS.keys().isdisjoint(pod.annotations) for pod in self.pods.of(state.key))
        return marked or state.pool.spec.disruption.protect_busy

    def _rivals(self, state: PoolState) -> dict[str, Collection[PoolState]]:
        # A pool that has just been deleted serves nothing any more.
        return {queue: self._servers.get((state.key[0], queue), {}).values() for queue in state.queues}

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        for part in (self._budgets, self._protection):
            part.resume()
        for key, state in self._states.items():
            state.forget()
            self._deployments.forget(key)
            self.queue.add(key)

    # --- acting -----------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: Key) -> float | None:
        state = self._states.get(key)
        if state is None or state.pool.metadata.deletion_timestamp is not None:
            return None  # gone, or as good as that: what is its own goes with it
        try:
            return await self._act(key, state)
        except PenstockError:
            raise
        except Exception as error:  # a bug, perhaps brought out by an odd spec: its user should see it
            state.refused = f"the operator failed at this pool: {error!r}"
            self.statuses.changed(key)
            raise

    async def _act(self, key: Key, state: PoolState) -> float | None:
        if not await self._prepared(state):
            return REFUSED_AGAIN_SECONDS
        if state.deployment is None:
            state.deployment = await self._deployments.look(key)
            self._judged(state)
        step, was_awake = self._step(state), not state.asleep
        await self._bring_about(state, step)
        await self._heed_events(state)
        await self._protection.ensure(state.pool, self._judge.annotations(state), self._judge.busy(state))
        self.statuses.changed(key)
        if step.under_way or (state.asleep and was_awake):  # they tell who rests, or are to say when something comes
            for queue in state.queues:
                self._look((key[0], queue))
        if step.under_way:
            return STEP_SECONDS
        return REFUSED_AGAIN_SECONDS if state.refused else None

    async def _prepared(self, state: PoolState) -> bool:
        """Whether its namespace has what workers need."""
        try:
            await self._edges.namespaces.ensure(state.key[0])
        except ApiRefused as error:
            state.refused = namespace_complaint(error)
            self.statuses.changed(state.key)
            if error.passing:
                raise
            return False
        return True

    async def _heed_events(self, state: PoolState) -> None:
        """Of a pod that doesn't start, and doesn't say why."""
        if (pod := self.pods.silent(state.key, self._clock())) is not None:
            self.pods.warn(pod, await self._events.about(pod.namespace, pod.uid), self._clock())

    def _step(self, state: PoolState) -> Step:
        """The next one towards what was decided; no step down before anything was."""
        crew = self._judge.crew(state)
        for name in strays(state.names, crew, state.chosen):
            log.warning("pool %s/%s: %s went, though others had been chosen", *state.key, name)
        state.names = frozenset(worker.name for worker in crew.workers)
        desired = state.decision.replicas if state.decision else state.wanted
        return plan(crew, state.chosen, desired, self._clock())

    async def _bring_about(self, state: PoolState, step: Step) -> None:
        """1. the count goes up, 2. whoever is to go or to stay learns of it, 3. the count goes down: so a broker that
        is away keeps nobody from coming, and all from going."""
        down, now = step.replicas < state.wanted, self._clock()
        if not down:
            await self._bring(state, step.replicas)
        state.chosen = await self._farewells.take(step, state.home, now)
        if down:
            await self._bring(state, step.replicas)
            state.chosen = lowered(state.chosen, step.leaving, now)

    async def _bring(self, state: PoolState, replicas: int) -> None:
        try:
            seen = state.deployment or DeploymentView()
            state.overridden = overridden(state.pool, self._edges.settings)
            state.deployment = await self._deployments.bring(state.pool, replicas, seen)
            await self._budgets.ensure(state.pool)
        except ConfigurationError as error:
            state.refused = str(error)
        except ApiRefused as error:
            self._refused(state, error)
        else:
            state.refused = ""

    def _refused(self, state: PoolState, error: ApiRefused) -> None:
        outdated = self._deployments.outdated(state.key, error)
        if outdated:
            state.deployment = None
        if not outdated:
            state.refused = deployment_complaint(error)
        if error.passing or outdated:
            self.statuses.changed(state.key)
            raise error
