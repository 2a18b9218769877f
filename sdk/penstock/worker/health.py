"""What a worker answers over HTTP: /healthz fails when the event loop is stuck, /readyz until it works and while it
drains; /metrics is for Prometheus, where OTEL_METRICS_EXPORTER says so."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Self

from penstock import tracing
from penstock.worker.http import Answer, Server, status_of
from penstock.worker.worker import Worker

__all__ = ["Health", "Oversight"]

STUCK_SECONDS = 20.0
ANSWER_SECONDS = 1.0  # less than the kubelet's own patience
REFUSED, STUCK = 0, -1


class Probes:
    """Answers probes on `port` while the block lasts."""

    def __init__(self, port: int) -> None:
        pages = {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._metrics}
        self._server = Server(port, pages)

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._server.close()

    async def _metrics(self) -> Answer:
        found = tracing.scraped()
        if found is None:
            return Answer.text(HTTPStatus.NOT_FOUND, "set OTEL_METRICS_EXPORTER=prometheus")
        body, content_type = found
        return Answer(HTTPStatus.OK, body, content_type)

    async def _alive(self) -> Answer:
        raise NotImplementedError

    async def _ready(self) -> Answer:
        raise NotImplementedError


class Health(Probes):
    """The probes of one worker process."""

    def __init__(self, worker: Worker, port: int) -> None:
        super().__init__(port)
        self._worker = worker

    async def _alive(self) -> Answer:
        # A loop that answers late has just been stuck; one that doesn't answer fails by the probe's own timeout.
        silent = asyncio.get_running_loop().time() - self._worker.last_pulse
        return _probed(not (self._worker.working and silent > STUCK_SECONDS), f"last pulse {silent:.1f} s ago", 500)

    async def _ready(self) -> Answer:
        ready = self._worker.working
        return _probed(ready, "working" if ready else "not working", 503)


class Oversight(Probes):
    """The probes of a pod with several processes: alive unless one is stuck, ready while any is."""

    def __init__(self, port: int, processes: int) -> None:
        super().__init__(port)
        self._ports = range(port + 1, port + 1 + processes)

    async def _alive(self) -> Answer:
        answers = await self._ask("/healthz")
        # One that refuses the connection is being started again: the supervisor sees to it.
        stuck = [answer for answer in answers if answer not in (200, REFUSED)]
        return _probed(not stuck, f"{len(answers) - len(stuck)} of {len(answers)}", 500)

    async def _ready(self) -> Answer:
        ready = (await self._ask("/readyz")).count(200)
        return _probed(ready > 0, f"{ready} of {len(self._ports)}", 503)

    async def _ask(self, path: str) -> list[int]:
        return await asyncio.gather(*(_status(port, path) for port in self._ports))


def _probed(well: bool, said: str, otherwise: int) -> Answer:
    return Answer.text(HTTPStatus(200 if well else otherwise), said)


async def _status(port: int, path: str) -> int:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await status_of("127.0.0.1", port, path)
    except ConnectionRefusedError:
        return REFUSED
    except (OSError, ValueError):  # a TimeoutError is an OSError
        return STUCK
