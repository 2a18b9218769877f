"""Why a pool has as many workers as it has, as the operator answers it over HTTP in JSON and the command line reads it.

`GET /v1/namespaces/NAMESPACE/pools/NAME` is an Explanation; `…/signals` are the same figures flat, for other scalers.
Unknown is null, never 0. Seconds, tasks, tasks a second, replicas; moments are seconds since the epoch.
"""

from __future__ import annotations

import msgspec

__all__ = ["Bounds", "Change", "Choice", "Explanation", "Fleet", "Sample", "Timeline", "Work", "path"]


class _Shape(msgspec.Struct, frozen=True, rename="camel"):
    """Camel case in JSON; fields of a later version are passed over."""


class Bounds(_Shape, frozen=True):
    """What the spec allows; `spec` is spec.replicas, which counts in the modes External and Off."""

    min: int
    max: int
    spec: int


class Choice(_Shape, frozen=True):
    """How many replicas, and why. `recommended`: before smoothing and limits."""

    replicas: int
    reason: str
    message: str
    inputs: dict[str, float] = {}
    recommended: int = 0


class Work(_Shape, frozen=True):
    """What the queues ask of the pool. `backlog` is what waits or is in flight, `barred` waits for a pause or a limit,
    `most` may run at once (null: no such limit), and `service_seconds` is what one attempt takes (null: not known)."""

    backlog: float
    waiting: float
    due: float
    barred: float
    in_flight: float
    oldest_seconds: float
    arrival_rate: float
    service_seconds: float | None = None
    most: float | None = None


class Fleet(_Shape, frozen=True):
    """The pool's workers. `trouble`: what keeps their pods from starting; `broken`: something of their own."""

    wanted: int
    ready: int
    busy: int
    start_seconds: float
    rolling_out: bool = False
    trouble: str = ""
    broken: bool = False


class Sample(_Shape, frozen=True):
    """One step: its last figures, and the most that waited in it."""

    at: float
    replicas: int
    ready: int
    busy: int
    waiting: float | None = None
    most_waiting: float | None = None
    in_flight: float | None = None
    oldest_seconds: float | None = None
    arrival_rate: float | None = None


class Change(_Shape, frozen=True):
    """Another decision than the one before, in replicas or reason."""

    at: float
    was: int = msgspec.field(name="from")
    to: int
    reason: str
    message: str


class Timeline(_Shape, frozen=True):
    """The last hour at most, oldest first; what lies before the operator began to lead isn't known. Steps without a
    sample weren't looked at."""

    step_seconds: int
    samples: tuple[Sample, ...] = ()
    changes: tuple[Change, ...] = ()


class Explanation(_Shape, frozen=True):
    """All that is known of one pool. `would`: what mode Auto would choose. `work` is null while its queues can't be
    read, `decision` and `would` before the first look."""

    namespace: str
    name: str
    mode: str
    queues: tuple[str, ...]
    bounds: Bounds
    decision: Choice | None
    would: Choice | None
    work: Work | None
    fleet: Fleet
    timeline: Timeline


def path(namespace: str, name: str) -> str:
    """Where a pool's Explanation is."""
    return f"/v1/namespaces/{namespace}/pools/{name}"
