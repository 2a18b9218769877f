"""The probes: /healthz fails when the event loop is stuck, /readyz until it works and while it drains."""

from __future__ import annotations

import asyncio

from aiohttp import web

from penstock.worker import Worker

__all__ = ["Health"]

STUCK_SECONDS = 20.0


class Health:
    """Answers probes on `port` while the block lasts."""

    def __init__(self, worker: Worker, port: int) -> None:
        self._worker = worker
        self._port = port
        application = web.Application()
        application.add_routes([web.get("/healthz", self._alive), web.get("/readyz", self._ready)])
        self._runner = web.AppRunner(application, access_log=None)

    async def __aenter__(self) -> Health:
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", self._port).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        # A loop that answers late has just been stuck; one that doesn't answer fails by the probe's own timeout.
        silent = asyncio.get_running_loop().time() - self._worker.last_pulse
        stuck = self._worker.working and silent > STUCK_SECONDS
        return web.Response(status=500 if stuck else 200, text=f"last pulse {silent:.1f} s ago")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._worker.working
        return web.Response(status=200 if ready else 503, text="working" if ready else "not working")
