"""The probes: /healthz fails when a loop is stuck or dead, /readyz until the operator has started."""

from __future__ import annotations

import time

from aiohttp import web

from penstock.listening import listener
from penstock_operator.operator import Operator

__all__ = ["Health"]

STUCK_SECONDS = 30.0


class Health:
    """Answers probes on `port` between `start` and `stop`."""

    def __init__(self, operator: Operator, port: int) -> None:
        self._operator = operator
        self._port = port
        application = web.Application()
        application.add_routes([web.get("/healthz", self._alive), web.get("/readyz", self._ready)])
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await web.SockSite(self._runner, listener(self._port)).start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        silent = time.monotonic() - self._operator.last_pulse
        dead = self._operator.stuck() or silent > STUCK_SECONDS
        return web.Response(status=500 if dead else 200, text=f"last pulse {silent:.1f} s ago")

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self._operator.ready else 503)
