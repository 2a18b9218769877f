"""Namespaces that use Penstock: each is given the broker's Secret and the workers' identity, and keeps them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from penstock.kube import Kube, Manifest, Resource
from penstock_operator.api import OWNER, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS, Key
from penstock_operator.manifests import BROKER_SECRET, SERVICE_ACCOUNT, namespace_objects
from penstock_operator.settings import Settings
from penstock_operator.watching.made import Makings

__all__ = ["GIVEN", "Namespaces"]

log = logging.getLogger("penstock.operator")
PLACES: dict[str, Resource] = {
    "Secret": SECRETS,
    "ServiceAccount": SERVICE_ACCOUNTS,
    "RoleBinding": ROLE_BINDINGS,
}
GIVEN = {SECRETS: BROKER_SECRET, SERVICE_ACCOUNTS: SERVICE_ACCOUNT, ROLE_BINDINGS: SERVICE_ACCOUNT}
"""How each kind's is called."""
REST_SECONDS = 1.0  # between two rounds: somebody else may want it otherwise, again and again


class Namespaces:
    """Applies what a namespace needs. `drifted(namespace)` hears where that was changed or deleted, which `ensure`
    mends."""

    def __init__(
        self,
        kube: Kube,
        settings: Settings,
        drifted: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._drifted = drifted
        self._clock = clock
        self._fine: set[str] = set()
        self._rounds: dict[str, float] = {}  # when the latest began
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.makings: Mapping[Resource, Makings] = {place: Makings(self._lost) for place in PLACES.values()}

    def resume(self) -> None:
        """Look at all of them again: somebody else may have acted meanwhile."""
        self._fine.clear()
        for makings in self.makings.values():
            makings.forget()

    async def ensure(self, namespace: str) -> None:
        """Return when the namespace has all it needs."""
        if namespace in self._fine:
            return
        lock = self._locks.setdefault(namespace, asyncio.Lock())
        async with lock:
            if namespace in self._fine:
                return
            await self._rest(namespace)
            for body in namespace_objects(self._settings):
                await self._apply(namespace, body)
            self._fine.add(namespace)
            log.info("namespace %s can use Penstock", namespace)

    async def _rest(self, namespace: str) -> None:
        """Return when the next round may begin."""
        now = self._clock()
        self._rounds = {one: began for one, began in self._rounds.items() if began > now - REST_SECONDS}
        await asyncio.sleep(self._rounds.get(namespace, now - REST_SECONDS) + REST_SECONDS - now)
        self._rounds[namespace] = self._clock()

    async def _apply(self, namespace: str, body: Manifest) -> None:
        place = PLACES[body["kind"]]
        self.makings[place].wrote(await self._kube.apply(place, namespace, body, owner=OWNER))

    def _lost(self, key: Key) -> None:
        namespace, name = key
        if namespace in self._fine:
            self._fine.remove(namespace)
            log.warning("%s of namespace %s was changed or deleted: it is made again", name, namespace)
            self._drifted(namespace)
