"""What a queue, or a pool's part of several, asks of workers. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from penstock.broker.messages import Depth
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.signals import Work

__all__ = ["part", "together", "work"]

LEAST_RATE_SECONDS = 1.0  # a limited rate's tasks of so long a time are looked at together


def work(depth: Depth, rates: Rates) -> Work:
    """Of a whole queue. What may not start now doesn't scale: pauses, places and rates take it off."""
    wanted = depth.ready + depth.due
    allowed = _allowed(depth, rates.service or 0.0)
    may = min(wanted, allowed)
    most = 0.0 if depth.paused else depth.rate or math.inf
    return Work(
        waiting=may + depth.ended,  # word that is still to be passed on wants a worker, too
        due=min(depth.due, may),
        barred=wanted - may,
        in_flight=depth.in_flight,
        most=None if depth.places is None else depth.in_flight + depth.places,
        oldest=depth.oldest,
        arrival_rate=min(most, rates.arrivals.steady),
        recent_rate=min(most, rates.arrivals.quick),
        service_seconds=rates.service,
        active=rates.active,
    )


def _allowed(depth: Depth, service: float) -> int:
    """How many may start. Little's law: a rate r keeps r·S of them running, and what is in flight belongs to those."""
    if depth.paused:
        return 0
    allowed = depth.ready + depth.due if depth.places is None else depth.places
    if depth.rate is None:
        return allowed
    soon = max(depth.rate * LEAST_RATE_SECONDS, depth.rate * service - depth.in_flight)
    return min(allowed, (depth.burst or 0) + math.ceil(soon))


def together(parts: Sequence[Work], within: float = 1.0) -> Work:
    """What several queues ask of one pool that shall begin what waits `within` so many seconds."""
    if len(parts) == 1:
        return parts[0]
    most = [part.most for part in parts]
    return Work(
        waiting=sum(part.waiting for part in parts),
        due=sum(part.due for part in parts),
        barred=sum(part.barred for part in parts),
        in_flight=sum(part.in_flight for part in parts),
        most=None if None in most else sum(part or 0 for part in most),
        oldest=max((part.oldest for part in parts), default=0.0),
        arrival_rate=sum(part.arrival_rate for part in parts),
        recent_rate=sum(part.recent_rate for part in parts),
        service_seconds=_mean_service(parts, within),
        active=any(part.active for part in parts),
    )


def _mean_service(parts: Sequence[Work], within: float) -> float | None:
    """Weighted by what begins in a second, so that Little's law says the same of all together as of each."""
    rates = [(part.service_seconds, part.arrival_rate + part.waiting / within) for part in parts]
    known = [(service, rate) for service, rate in rates if service]
    weight = sum(weight for _, weight in known)
    if not known or not weight:
        return max((service for service, _ in known), default=None)
    return sum(service * weight for service, weight in known) / weight


def part(whole: Work, share: float, *, waiting: int, in_flight: float) -> Work:
    """A pool's part of a queue that others serve too."""
    return replace(
        whole,
        waiting=waiting,
        due=min(whole.due * share, waiting),
        barred=whole.barred * share,
        in_flight=in_flight,
        most=None if whole.most is None else whole.most * share,
        arrival_rate=whole.arrival_rate * share,
        recent_rate=whole.recent_rate * share,
    )
