"""What the operator answers over HTTP about the pools, read-only; the shapes are `penstock.explanation`'s.

    GET /v1/namespaces/NAMESPACE/pools/NAME           why it has as many workers as it has, and its last hour
    GET /v1/namespaces/NAMESPACE/pools/NAME/signals   flat figures, for KEDA's metrics-api scaler
    GET /metrics                                      for Prometheus, where OTEL_METRICS_EXPORTER says so

Only the leader knows: another operator answers 503, as does the leader while it doesn't know. An error is
{"reason": WORD, "message": SENTENCE}.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from penstock import tracing
from penstock.explanation import Timeline
from penstock.listening import listener
from penstock_operator.api import Key
from penstock_operator.autoscale.timeline import STEP_SECONDS, Timelines
from penstock_operator.autoscale.view import View, Watched
from penstock_operator.surface.explanations import explanation, flat

__all__ = ["Surface"]

POOL = "/v1/namespaces/{namespace}/pools/{name}"
NOT_FOUND = 404
NO_METRICS = "set OTEL_METRICS_EXPORTER=prometheus, in the chart operator.metrics.exporters: [prometheus]"
EMPTY = Timeline(STEP_SECONDS)


class Surface:
    """Answers on `port` between `start` and `stop`. `leads` says whether this operator knows the pools now."""

    def __init__(self, watched: Watched, timelines: Timelines, leads: Callable[[], bool], port: int) -> None:
        self._watched = watched
        self._timelines = timelines
        self._leads = leads
        self._port = port
        application = web.Application()
        application.add_routes([web.get(POOL, self._pool), web.get(f"{POOL}/signals", self._signals)])
        application.add_routes([web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await web.SockSite(self._runner, listener(self._port)).start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _pool(self, request: web.Request) -> web.Response:
        view = self._found(request.match_info)
        return _answer(explanation(view, self._timelines.of(view.key) or EMPTY))

    async def _signals(self, request: web.Request) -> web.Response:
        view = self._found(request.match_info)
        figures = flat(view)
        if figures is None:
            raise _refusal(
                web.HTTPServiceUnavailable,
                "Unknown",
                f"the queues of WorkerPool {view.namespace}/{view.name} ({', '.join(view.queues)}) can't be read: "
                "unknown is not zero. Look at its condition BrokerReachable and at Redis",
            )
        return _answer(figures)

    async def _metrics(self, _: web.Request) -> web.Response:
        # In a thread: the instruments ask the event loop for their figures.
        found = await asyncio.to_thread(tracing.scraped)
        if found is None:
            return web.Response(status=NOT_FOUND, text=NO_METRICS)
        body, content_type = found
        return web.Response(body=body, headers={"Content-Type": content_type})

    def _found(self, asked: Mapping[str, str]) -> View:
        if not self._leads():
            raise _refusal(
                web.HTTPServiceUnavailable, "NotLeading", "this operator doesn't lead: ask the one that does"
            )
        key: Key = (asked["namespace"], asked["name"])
        view = self._watched.pool(key)
        if view is None:
            raise _refusal(
                web.HTTPNotFound,
                "NoSuchPool",
                f"there is no WorkerPool {key[1]!r} in namespace {key[0]!r}: see kubectl get ppool -n {key[0]}, and "
                "whether watchNamespaces of the chart leaves that namespace out",
            )
        return view


def _answer(of: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(of), content_type="application/json")


def _refusal(kind: type[web.HTTPError], reason: str, message: str) -> web.HTTPError:
    said = msgspec.json.encode({"reason": reason, "message": message})
    return kind(text=said.decode(), content_type="application/json")
