"""kopf's side: the operator lives from its start-up to its clean-up. Its watches aren't used: they end with an object
that is nested too deep, tell of no deletion after a gap, and keep whole objects. `watching` does that instead."""

from __future__ import annotations

from typing import Any

import kopf
from opentelemetry import metrics

from penstock.kube import Kube
from penstock.telemetry import SCOPE
from penstock_operator.health import Health
from penstock_operator.operator import Operator
from penstock_operator.settings import Settings
from penstock_operator.surface.figures import Glimpse, register

__all__ = ["registry"]


def registry(settings: Settings) -> kopf.OperatorRegistry:
    """The handlers of one operator process."""
    handlers, process = kopf.OperatorRegistry(), _Process(settings)
    kopf.on.login(registry=handlers)(_login)
    kopf.on.startup(registry=handlers)(process.start)
    kopf.on.cleanup(registry=handlers)(process.stop)
    return handlers


class _Process:
    """What lives from kopf's start-up to its clean-up. All handlers are coroutines: others kopf runs in threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def start(self, settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True  # it would need rights for the whole cluster
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


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
