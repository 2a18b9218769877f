"""The pods of all pools. Holds and finds, decides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from msgspec.structs import replace

from penstock_operator.api import Key
from penstock_operator.autoscale.pod_view import PodView

__all__ = ["Pods"]

SLOW_SECONDS = 8.0  # most pods have started by then
AGAIN_SECONDS = 10.0  # between two looks at the Events of a pool's pods
PRIOR_SECONDS = 5.0  # what a start takes, until one was seen
MOST_SECONDS = 600.0
WEIGHT = 0.3  # of the latest start in the mean


class Pods:
    """Views by pool and by uid, and how long their starts took. `changed(pool)` hears of every change."""

    def __init__(self, changed: Callable[[Key], None] = lambda _: None) -> None:
        self._changed = changed
        self._pods: dict[str, PodView] = {}
        self._by_pool: defaultdict[Key, dict[str, PodView]] = defaultdict(dict)
        self._starts: dict[Key, float] = {}
        self._started: set[str] = set()  # who has been ready, and may be unready again for other reasons
        self._warnings: dict[str, str] = {}  # what Events say of who doesn't start
        self._looked: dict[Key, float] = {}

    def seen(self, pod: PodView) -> None:
        """It was added or changed, or is just there."""
        before = self._pods.get(pod.uid)
        if before == self._warned(pod):
            return
        if before is not None and before.pool != pod.pool:
            self.gone(pod.uid)  # it was given another label
        pool = (pod.namespace, pod.pool)
        pod = self._warned(pod)
        self._pods[pod.uid] = self._by_pool[pool][pod.uid] = pod
        if pod.ready_at is not None and pod.uid not in self._started:
            self._started.add(pod.uid)
            if before is not None:  # only a start that was watched
                self._measured(pool, min(MOST_SECONDS, max(0.0, pod.ready_at - pod.created)))
        self._changed(pool)

    def _warned(self, pod: PodView) -> PodView:
        """With what Events say of it, as long as it says nothing itself and isn't ready."""
        if pod.trouble or pod.ready:
            self._warnings.pop(pod.uid, None)
            return pod
        warning = self._warnings.get(pod.uid)
        return pod if warning is None else replace(pod, trouble=warning, broken=True)

    def silent(self, pool: Key, now: float) -> PodView | None:
        """One that has taken long to start and doesn't say why: Events may. Each pool's turn comes once in a while."""
        if now - self._looked.get(pool, float("-inf")) < AGAIN_SECONDS:
            return None
        slow = (pod for pod in self.of(pool) if pod.alive and not pod.ready and not pod.trouble)
        return next((pod for pod in slow if now - pod.created > SLOW_SECONDS and pod.uid not in self._started), None)

    def warn(self, pod: PodView, warning: str, now: float) -> None:
        """Events were looked at."""
        pool = (pod.namespace, pod.pool)
        self._looked[pool] = now
        if warning and self._pods.get(pod.uid) is pod:
            self._warnings[pod.uid] = warning
            self._pods[pod.uid] = self._by_pool[pool][pod.uid] = self._warned(pod)
            self._changed(pool)

    def _measured(self, pool: Key, seconds: float) -> None:
        known = self._starts.get(pool)
        self._starts[pool] = seconds if known is None else known + WEIGHT * (seconds - known)

    def gone(self, uid: str) -> None:
        """It was deleted."""
        pod = self._pods.pop(uid, None)
        if pod is not None:
            pool = (pod.namespace, pod.pool)
            self._started.discard(uid)
            self._warnings.pop(uid, None)
            del self._by_pool[pool][uid]
            if not self._by_pool[pool]:
                del self._by_pool[pool]
            self._changed(pool)

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all that are kept."""
        return {uid for uid, pod in self._pods.items() if namespace in (None, pod.namespace)}

    def of(self, pool: Key) -> Iterable[PodView]:
        """Those of a pool."""
        return self._by_pool[pool].values() if pool in self._by_pool else ()

    def start_seconds(self, pool: Key, now: float) -> float:
        """What it takes a pod of that pool to become ready, lately; at least as long as those that are starting have
        taken already."""
        pods = (pod for pod in self.of(pool) if pod.alive and not pod.trouble)
        starting = (pod.created for pod in pods if pod.uid not in self._started)
        known = self._starts.get(pool, PRIOR_SECONDS)
        return max(known, min(MOST_SECONDS, now - min(starting, default=now)))

    def forget(self, pool: Key) -> None:
        """The pool is gone."""
        self._starts.pop(pool, None)
        self._looked.pop(pool, None)
