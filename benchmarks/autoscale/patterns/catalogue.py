"""All patterns. Rates are chosen so that a fifth of `most` replicas or more is needed at the peak."""

from __future__ import annotations

from benchmarks.autoscale.patterns.arrivals import along, batches, poisson, renewal
from benchmarks.autoscale.patterns.curves import DAY, MATCHES, SPIKE, stretched
from benchmarks.autoscale.patterns.pattern import Pattern
from benchmarks.autoscale.patterns.services import around, lognormal
from benchmarks.autoscale.world.outage import Kind, Outage
from benchmarks.autoscale.world.startup import Startup

__all__ = ["PATTERNS"]

HOUR = 3600.0
WORLD_CUP = "WorldCup98 logs (Arlitt and Jin, IEEE Network 14(3), 2000)"
AZURE = "Shahrad et al., Serverless in the Wild, USENIX ATC 2020"
OWN = "made up"
# Fig. 7 of "Serverless in the Wild": averages of functions' execution times are lognormal, log mean -0.38, sigma 2.36
# (s); cut off at ten minutes, the platform's own limit then.
FUNCTIONS = lognormal(-0.38, 2.36, 600.0)

STEADY = Pattern("steady", "Steady: 6 tasks a second", OWN, HOUR, 5.0, poisson(6.0, HOUR), around(2.0))
DIURNAL = Pattern(
    "diurnal",
    "A day",
    f"{WORLD_CUP}, 27 May 1998, by hours",
    24 * HOUR,
    10.0,
    along(stretched(DAY, HOUR, 0.7)),
    around(20.0),
)
MATCH = Pattern(
    "match",
    "Flash crowd: two football matches",
    f"{WORLD_CUP}, 30 June 1998, by quarters of an hour",
    9 * HOUR,
    10.0,
    along(stretched(MATCHES, 900.0, 2.0)),
    around(15.0),
)
SPIKE_OUT_OF_LITTLE = Pattern(
    "spike",
    "Spike: fifty times the load within two minutes",
    f"{WORLD_CUP}, 12 May 1998, by minutes",
    HOUR,
    10.0,
    along(
        [*stretched([2], 1200.0, 20.0), *stretched(SPIKE, 60.0, 20.0, 1200.0), *stretched([2], 1800.0, 20.0, 1800.0)]
    ),
    around(2.0),
)
HEAVY = Pattern(
    "heavy", "Heavy-tailed service times", f"{AZURE}, Fig. 7", 2 * HOUR, 10.0, poisson(2.0, 2 * HOUR), FUNCTIONS
)
BATCHES = Pattern(
    "batches",
    "Batches out of nothing: 200 to 400 tasks each ten minutes",
    OWN,
    3 * HOUR,
    60.0,
    batches((200, 400), 600.0, 120.0, 3 * HOUR - 600.0),
    around(5.0),
)
SPARSE = Pattern(
    "sparse",
    "Seldom: a task each two minutes, in clusters",
    f"{AZURE}, sections 3.2 to 3.4: 81 % of applications are called at most once a minute, 40 % have a CV above 1",
    12 * HOUR,
    15.0,
    renewal(120.0, 3.0, 12 * HOUR),
    lognormal(-0.38, 2.36, 60.0),
)
DYING = Pattern(
    "dying",
    "Dying broker: nobody gets through for 20 s to 5 min",
    OWN,
    HOUR,
    10.0,
    poisson(5.0, HOUR),
    around(2.0),
    outages=(Outage(600.0, 20.0), Outage(1200.0, 60.0), Outage(1800.0, 300.0), Outage(2700.0, 20.0)),
)
BLIND = Pattern(
    "blind",
    "Blind: only the scaler can't read the queue, while load goes up and down",
    OWN,
    HOUR,
    10.0,
    along([(0.0, 1.0), (900.0, 1.0), (1200.0, 8.0), (2100.0, 8.0), (2400.0, 1.0), (HOUR, 1.0)]),
    around(2.0),
    outages=(
        Outage(1000.0, 60.0, Kind.SCALERS),
        Outage(1500.0, 300.0, Kind.SCALERS),
        Outage(2350.0, 120.0, Kind.SCALERS),
    ),
)
PULLS = Pattern(
    "pulls",
    "Slow image pulls: the first pod on each of six nodes takes 60 to 180 s more",
    OWN,
    HOUR,
    30.0,
    along([(0.0, 1.0), (900.0, 1.0), (960.0, 8.0), (2400.0, 8.0), (2460.0, 1.0), (HOUR, 1.0)]),
    around(2.0),
    startup=Startup(pull=(60.0, 180.0)),
)

PATTERNS = {
    pattern.name: pattern
    for pattern in (STEADY, DIURNAL, MATCH, SPIKE_OUT_OF_LITTLE, HEAVY, BATCHES, SPARSE, DYING, BLIND, PULLS)
}
