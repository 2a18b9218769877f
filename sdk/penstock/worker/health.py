"""What a worker answers over HTTP: /healthz fails when the event loop is stuck, /readyz until it works and while it
drains; /metrics is for Prometheus, where OTEL_METRICS_EXPORTER says so."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, web

from penstock import tracing
from penstock.worker.worker import Worker

__all__ = ["Health", "Oversight"]

STUCK_SECONDS = 20.0
CLOSE_SECONDS = 0.5  # for answers under way at the end
ANSWER_SECONDS = 1.0  # less than the kubelet's own patience
REFUSED, STUCK = 0, -1


class Probes:
    """Answers probes on `port` while the block lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        application = web.Application()
        application.add_routes([web.get("/healthz", self._alive), web.get("/readyz", self._ready)])
        application.add_routes([web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_SECONDS)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", self._port).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        found = tracing.scraped()
        if found is None:
            return web.Response(status=404, text="set OTEL_METRICS_EXPORTER=prometheus")
        body, content_type = found
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _alive(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _ready(self, request: web.Request) -> web.Response:
        raise NotImplementedError


class Health(Probes):
    """The probes of one worker process."""

    def __init__(self, worker: Worker, port: int) -> None:
        super().__init__(port)
        self._worker = worker

    async def _alive(self, _: web.Request) -> web.Response:
        # A loop that answers late has just been stuck; one that doesn't answer fails by the probe's own timeout.
        silent = asyncio.get_running_loop().time() - self._worker.last_pulse
        stuck = self._worker.working and silent > STUCK_SECONDS
        return web.Response(status=500 if stuck else 200, text=f"last pulse {silent:.1f} s ago")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._worker.working
        return web.Response(status=200 if ready else 503, text="working" if ready else "not working")


class Oversight(Probes):
    """The probes of a pod with several processes: alive unless one is stuck, ready while any is."""

    def __init__(self, port: int, processes: int) -> None:
        super().__init__(port)
        self._ports = range(port + 1, port + 1 + processes)

    async def _alive(self, _: web.Request) -> web.Response:
        answers = await self._ask("/healthz")
        # One that refuses the connection is being started again: the supervisor sees to it.
        stuck = [answer for answer in answers if answer not in (200, REFUSED)]
        return web.Response(status=500 if stuck else 200, text=f"{len(answers) - len(stuck)} of {len(answers)}")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = (await self._ask("/readyz")).count(200)
        return web.Response(status=200 if ready else 503, text=f"{ready} of {len(self._ports)}")

    async def _ask(self, path: str) -> list[int]:
        async with ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS)) as session:
            return await asyncio.gather(*(_status(session, f"http://127.0.0.1:{port}{path}") for port in self._ports))


async def _status(session: ClientSession, url: str) -> int:
    try:
        async with session.get(url) as answer:
            return answer.status
    except ClientConnectorError:
        return REFUSED
    except (ClientError, TimeoutError):
        return STUCK
