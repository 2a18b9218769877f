"""The operator's figures as OpenTelemetry reads them: of pools, queues and itself. Unknown is absent, never 0."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from penstock.broker.messages import Depth
from penstock.telemetry import Metric
from penstock_operator.api import Key
from penstock_operator.autoscale.view import View

__all__ = ["Figures", "Glimpse", "register"]

ANSWER_SECONDS = 5.0
FRESH_SECONDS = 0.5  # the instruments are read one after the other


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them at one moment. Those who don't lead know of no pool. `decided`: (pool, reason, how often). `invalid`:
    how many aren't understood, by kind and namespace."""

    leading: bool = False
    pools: tuple[View, ...] = ()
    queues: Mapping[Key, Depth | None] = field(default_factory=dict)
    decided: tuple[tuple[Key, str, int], ...] = ()
    events_dropped: int = 0
    invalid: Mapping[tuple[str, str], int] = field(default_factory=dict)


class Glimpse:
    """The figures for whoever asks from another thread, where exporters live: `take` is called on the event loop that
    this was made on."""

    def __init__(self, take: Callable[[], Figures]) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._kept: tuple[float, Figures | None] = (float("-inf"), None)

    def __call__(self) -> Figures | None:
        """None when the loop doesn't answer, as at the end of the process."""
        at, figures = self._kept
        if time.monotonic() - at > FRESH_SECONDS:
            figures = self._asked()
            self._kept = (time.monotonic(), figures)
        return figures

    def _asked(self) -> Figures | None:
        answer: Future[Figures] = Future()
        try:
            self._loop.call_soon_threadsafe(lambda: answer.set_result(self._take()))
            return answer.result(ANSWER_SECONDS)
        except (RuntimeError, TimeoutError):  # closed, or about to be
            return None


Reading = Callable[[Figures], Iterator[Observation]]


def register(meter: Meter, glimpse: Callable[[], Figures | None]) -> None:
    """Make the instruments, which ask for a glimpse when they are exported; once a meter."""
    for metric, unit, reading in _GAUGES:
        meter.create_observable_gauge(metric, [partial(_read, reading, glimpse)], unit, metric.meaning)
    for metric, unit, reading in _COUNTERS:
        meter.create_observable_counter(metric, [partial(_read, reading, glimpse)], unit, metric.meaning)


def _read(reading: Reading, glimpse: Callable[[], Figures | None], _: CallbackOptions) -> Iterable[Observation]:
    figures = glimpse()
    return () if figures is None else tuple(reading(figures))


def _names(key: Key, kind: str) -> dict[str, str]:
    return {"k8s.namespace.name": key[0], kind: key[1]}


def _of_pools(figure: Callable[[View], float], figures: Figures) -> Iterator[Observation]:
    for view in figures.pools:
        yield Observation(figure(view), _names(view.key, "penstock.pool"))


def _of_work(of: str, figures: Figures) -> Iterator[Observation]:
    for view in figures.pools:
        if view.signals.work is not None:
            yield Observation(getattr(view.signals.work, of), _names(view.key, "penstock.pool"))


def _desired(figures: Figures) -> Iterator[Observation]:
    for view in figures.pools:
        if view.would is not None:
            yield Observation(view.would.replicas, _names(view.key, "penstock.pool"))


def _of_queues(figure: Callable[[Depth], float], figures: Figures) -> Iterator[Observation]:
    for key, depth in figures.queues.items():
        if depth is not None:
            yield Observation(figure(depth), _names(key, "messaging.destination.name"))


def _decisions(figures: Figures) -> Iterator[Observation]:
    for key, reason, count in figures.decided:
        yield Observation(count, _names(key, "penstock.pool") | {"penstock.reason": reason})


def _invalid(figures: Figures) -> Iterator[Observation]:
    for (kind, namespace), count in figures.invalid.items():
        yield Observation(count, {"k8s.namespace.name": namespace, "penstock.kind": kind})


def _leading(figures: Figures) -> Iterator[Observation]:
    yield Observation(int(figures.leading))


def _dropped(figures: Figures) -> Iterator[Observation]:
    yield Observation(figures.events_dropped)


_GAUGES: tuple[tuple[Metric, str, Reading], ...] = (
    (Metric.POOL_REPLICAS, "{replica}", partial(_of_pools, attrgetter("signals.fleet.wanted"))),
    (Metric.POOL_DESIRED, "{replica}", _desired),
    (Metric.POOL_READY, "{replica}", partial(_of_pools, attrgetter("signals.fleet.ready"))),
    (Metric.POOL_BUSY, "{replica}", partial(_of_pools, attrgetter("signals.fleet.busy"))),
    (Metric.POOL_BACKLOG, "{task}", partial(_of_work, "backlog")),
    (Metric.POOL_WAITING, "{task}", partial(_of_work, "waiting")),
    (Metric.POOL_IN_FLIGHT, "{task}", partial(_of_work, "in_flight")),
    (Metric.POOL_OLDEST, "s", partial(_of_work, "oldest")),
    (Metric.POOL_ARRIVALS, "{task}/s", partial(_of_work, "arrival_rate")),
    (Metric.QUEUE_WAITING, "{task}", partial(_of_queues, lambda depth: depth.ready + depth.due)),
    (Metric.QUEUE_IN_FLIGHT, "{task}", partial(_of_queues, attrgetter("in_flight"))),
    (Metric.QUEUE_DELAYED, "{task}", partial(_of_queues, attrgetter("delayed"))),
    (Metric.QUEUE_DEAD, "{task}", partial(_of_queues, attrgetter("dead"))),
    (Metric.QUEUE_OLDEST, "s", partial(_of_queues, attrgetter("oldest"))),
    (Metric.INVALID, "{object}", _invalid),
    (Metric.LEADING, "1", _leading),
)
_COUNTERS: tuple[tuple[Metric, str, Reading], ...] = (
    (Metric.POOL_DECISIONS, "{decision}", _decisions),
    (Metric.EVENTS_DROPPED, "{event}", _dropped),
)
