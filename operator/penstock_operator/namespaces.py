"""Namespaces that use Penstock: gives each the broker's Secret and the workers' identity."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable

from penstock.kube import Kube, Resource
from penstock_operator.api import ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS
from penstock_operator.manifests import namespace_objects
from penstock_operator.settings import Settings

__all__ = ["Namespaces"]

log = logging.getLogger("penstock.operator")
PLACES: dict[str, Resource] = {
    "Secret": SECRETS,
    "ServiceAccount": SERVICE_ACCOUNTS,
    "RoleBinding": ROLE_BINDINGS,
}
AGAIN_SECONDS = 300.0  # a deleted Secret comes back within this, or with the pool's next change


class Namespaces:
    """Applies what a namespace needs."""

    def __init__(self, kube: Kube, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._settings = settings
        self._clock = clock
        self._done: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ensure(self, namespace: str) -> None:
        """Return when the namespace has all it needs."""
        async with self._locks[namespace]:
            if self._clock() - self._done.get(namespace, float("-inf")) < AGAIN_SECONDS:
                return
            for body in namespace_objects(self._settings):
                await self._kube.apply(PLACES[body["kind"]], namespace, body, owner="penstock-operator")
            self._done[namespace] = self._clock()
            log.info("namespace %s can use Penstock", namespace)
