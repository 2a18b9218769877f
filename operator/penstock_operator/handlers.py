"""kopf's side: settings and decorators. Each handler hands over at once; kopf writes nothing to any resource."""

from __future__ import annotations

from typing import Any, cast

import kopf

from penstock.kube import Kube, Manifest
from penstock.resources.kinds import GROUP, VERSION
from penstock_operator.health import Health
from penstock_operator.manifests import POOL_LABEL
from penstock_operator.operator import Operator
from penstock_operator.settings import Settings

__all__ = ["registry"]

# A silent watch is a dead one: the API server sends bookmarks more often than that.
SILENCE_SECONDS = 120.0


def registry(ours: Settings) -> kopf.OperatorRegistry:
    """The handlers of one operator process."""
    handlers = kopf.OperatorRegistry()
    parts: list[Operator] = []
    health: list[Health] = []

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.startup(registry=handlers)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        _configure(settings)
        parts.append(Operator(await Kube.connect(), ours))
        health.append(Health(parts[0], ours.health_port))
        await parts[0].start()
        await health[0].start()

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        for probes in health:
            await probes.stop()
        for operator in parts:
            await operator.stop()

    @kopf.on.event(GROUP, VERSION, "tasks", registry=handlers)
    def task(type: str | None, body: kopf.Body, **_: Any) -> None:
        parts[0].task_event(_plain(body), type == "DELETED")

    @kopf.on.event(GROUP, VERSION, "workerpools", registry=handlers)
    def pool(type: str | None, body: kopf.Body, **_: Any) -> None:
        pools = parts[0].pools
        (pools.gone if type == "DELETED" else pools.seen)(_plain(body))

    @kopf.on.event(GROUP, VERSION, "taskqueues", registry=handlers)
    def queue(type: str | None, body: kopf.Body, **_: Any) -> None:
        queues = parts[0].queues
        (queues.gone if type == "DELETED" else queues.seen)(_plain(body))

    @kopf.on.event("apps", "v1", "deployments", labels={POOL_LABEL: kopf.PRESENT}, registry=handlers)
    def deployment(type: str | None, body: kopf.Body, **_: Any) -> None:
        pools = parts[0].pools
        (pools.deployment_gone if type == "DELETED" else pools.deployment_seen)(_plain(body))

    return handlers


def _configure(settings: kopf.OperatorSettings) -> None:
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.inactivity_timeout = SILENCE_SECONDS
    settings.networking.error_backoffs = (0.5, 1, 2, 5, 10)


def _plain(body: kopf.Body) -> Manifest:
    """The JSON behind kopf's view of it."""
    return cast("Manifest", dict(body))
