"""What the queues ask of each pool, from what was read of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.broker.messages import Depth
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.api import Key
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.roster import holders
from penstock_operator.autoscale.sharing import capacity, portion, split
from penstock_operator.autoscale.signals import Fleet, Work
from penstock_operator.autoscale.work import part, together, work

__all__ = ["Reading", "Serving", "work_of"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A queue as it was last looked at. `depth` is None if it couldn't be read; `rates` are as of the last time that it
    could."""

    depth: Depth | None
    rates: Rates | None


@dataclass(frozen=True, slots=True)
class Serving:
    """A pool as one of those that serve a queue. `pods` are the names of its workers."""

    key: Key
    spec: WorkerPoolSpec
    queues: Sequence[str]
    fleet: Fleet
    pods: frozenset[str]


def work_of(pool: Serving, rivals: Mapping[str, Sequence[Serving]], readings: Mapping[Key, Reading]) -> Work | None:
    """None where one of its queues can't be read. `rivals`: all pools of its namespace, itself included, by queue."""
    parts = []
    for queue in pool.queues:
        reading = readings.get((pool.key[0], queue))
        if reading is None or reading.depth is None or reading.rates is None:
            return None
        parts.append(_part(pool, rivals[queue], reading.depth, work(reading.depth, reading.rates)))
    return together(parts, within=pool.spec.autoscaling.target.latency_seconds or 1.0)


def _part(pool: Serving, servers: Sequence[Serving], depth: Depth, whole: Work) -> Work:
    if len(servers) == 1:
        return whole
    capacities = {one.key: capacity(one.spec, one.fleet) for one in servers}
    mine = split(round(whole.waiting), capacities)[pool.key]
    return part(whole, portion(pool.key, capacities), waiting=mine, in_flight=_in_flight(pool, servers, depth))


def _in_flight(pool: Serving, servers: Sequence[Serving], depth: Depth) -> float:
    """What its own workers hold. What nobody's do (they are gone, or not seen yet) may be anybody's."""
    held = holders([depth])
    own = sum(count for worker, count in held.items() if worker in pool.pods)
    known = frozenset[str]().union(*(one.pods for one in servers))
    stray = sum(count for worker, count in held.items() if worker not in known)
    return own + stray / len(servers)
