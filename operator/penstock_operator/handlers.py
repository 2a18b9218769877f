"""kopf's side: which events lead where. Each handler hands over at once; kopf writes nothing to any resource. Of Tasks
there may be too many for it, and TaskBatches may be shared by labels: `informer` watches those."""

from __future__ import annotations

from typing import Any, cast

import kopf
from opentelemetry import metrics

from penstock.kube import Kube, Manifest
from penstock.resources.kinds import GROUP, VERSION
from penstock.telemetry import SCOPE
from penstock_operator.health import Health
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.operator import Operator
from penstock_operator.settings import Settings
from penstock_operator.surface.figures import Glimpse, register

__all__ = ["registry"]

# A silent watch is a dead one: the API server sends bookmarks more often than that.
SILENCE_SECONDS = 120.0
WATCH_SECONDS = 300  # the API server takes whole ones
# Of kopf's own requests; the last pause is repeated by its watch for ever.
PAUSES_SECONDS = (0.5, 1, 2, 5, 10)


def registry(settings: Settings) -> kopf.OperatorRegistry:
    """The handlers of one operator process."""
    handlers, process = kopf.OperatorRegistry(), _Process(settings)
    kopf.on.login(registry=handlers)(_login)
    kopf.on.startup(registry=handlers)(process.start)
    kopf.on.cleanup(registry=handlers)(process.stop)
    kopf.on.event(GROUP, VERSION, "taskqueues", registry=handlers)(process.queue)
    if settings.only_tasks:
        return handlers
    kopf.on.event(GROUP, VERSION, "workerpools", registry=handlers)(process.pool)
    owned = {POOL_LABEL: kopf.PRESENT}
    kopf.on.event("apps", "v1", "deployments", labels=owned, registry=handlers)(process.deployment)
    return handlers


class _Process:
    """What lives from kopf's start-up to its clean-up. All handlers are coroutines: others kopf runs in threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def start(self, settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.watching.server_timeout = WATCH_SECONDS
        settings.watching.inactivity_timeout = SILENCE_SECONDS
        settings.networking.error_backoffs = PAUSES_SECONDS
        settings.scanning.disabled = bool(self._settings.watch_namespaces)  # it would need rights for the whole cluster
        self._operator = Operator(await Kube.connect(), await Kube.connect(), self._settings)
        self._health = Health(self._operator, self._settings.health_port)
        self._surface = self._operator.surface()
        register(metrics.get_meter(SCOPE), Glimpse(self._operator.figures))
        await self._operator.start()
        await self._health.start()
        await self._surface.start()

    async def stop(self, **_: Any) -> None:
        await self._surface.stop()
        await self._health.stop()
        await self._operator.stop()

    async def pool(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        pools = self._operator.pools
        (pools.gone if type == "DELETED" else pools.seen)(_plain(body))

    async def queue(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        queues = self._operator.queues
        (queues.gone if type == "DELETED" else queues.seen)(_plain(body))

    async def deployment(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        pools = self._operator.pools
        (pools.deployment_gone if type == "DELETED" else pools.deployment_seen)(_plain(body))


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


def _plain(body: kopf.Body) -> Manifest:
    """The JSON behind kopf's view of it."""
    return cast("Manifest", dict(body))
