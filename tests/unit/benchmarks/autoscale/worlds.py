"""Small worlds to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from benchmarks.autoscale.world.outage import Outage
from benchmarks.autoscale.world.startup import Startup
from benchmarks.autoscale.world.world import Setting, World

AT_ONCE = Startup(median=5.0, sigma=0.0)


def world(
    arrivals: Sequence[float],
    services: Sequence[float] | float = 1.0,
    *,
    seconds: float = 600.0,
    concurrency: int = 2,
    outages: Iterable[Outage] = (),
    startup: Startup = AT_ONCE,
) -> World:
    """One whose pods take five seconds to start."""
    each = [services] * len(arrivals) if isinstance(services, float) else services
    setting = Setting(seconds, concurrency, 30.0, startup, tuple(outages))
    return World(setting, arrivals, each, Random(7))
