"""A worker's metrics as OpenTelemetry reads them: looked up when they are exported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Protocol
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from penstock.telemetry import SCOPE, Metric
from penstock.worker.slots import Slots
from penstock.worker.tally import Tally

__all__ = ["Observed", "observe"]


class Observed(Protocol):
    """What is read of a worker."""

    tally: Tally
    slots: Slots


Reading = Callable[[Observed], Iterator[Observation]]
_workers: WeakSet[Observed] = WeakSet()


def observe(worker: Observed) -> None:
    """Count this one in, until it is gone."""
    _workers.add(worker)
    _instruments()


@cache
def _instruments() -> None:
    """Once a process: an instrument's name may be given once."""
    meter = metrics.get_meter(SCOPE)
    for metric, unit, reading in _COUNTERS:
        meter.create_observable_counter(metric, [partial(_read, reading)], unit, metric.meaning)
    meter.create_observable_gauge(Metric.PLACES, [partial(_read, _places)], "{place}", Metric.PLACES.meaning)


def _read(reading: Reading, _: CallbackOptions) -> Iterable[Observation]:
    return [found for worker in list(_workers) for found in reading(worker)]


def _ended(of: str, worker: Observed) -> Iterator[Observation]:
    for how, sums in worker.tally.ended.copy().items():
        names = {"messaging.destination.name": how.queue, "penstock.task": how.task, "penstock.outcome": how.outcome}
        yield Observation(getattr(sums, of), names)


def _counted(of: str, by: str, worker: Observed) -> Iterator[Observation]:
    for name, count in getattr(worker.tally, of).copy().items():
        yield Observation(count, {by: name})


def _places(worker: Observed) -> Iterator[Observation]:
    yield Observation(worker.slots.busy, {"penstock.state": "busy"})
    yield Observation(worker.slots.free, {"penstock.state": "free"})


_COUNTERS: tuple[tuple[Metric, str, Reading], ...] = (
    (Metric.ATTEMPTS, "{attempt}", partial(_ended, "attempts")),
    (Metric.RUN_TIME, "s", partial(_ended, "running")),
    (Metric.WAIT_TIME, "s", partial(_ended, "waiting")),
    (Metric.FAILURES, "{call}", partial(_counted, "failures", "penstock.call")),
    (Metric.STALLS, "{stall}", partial(_counted, "stalls", "penstock.task")),
    (Metric.LEASES_LOST, "{lease}", partial(_counted, "lost", "messaging.destination.name")),
    (Metric.RECLAIMED, "{task}", partial(_counted, "reclaimed", "messaging.destination.name")),
)
