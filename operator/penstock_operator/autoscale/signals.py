"""What a decision on a pool's replicas is taken from. Units: seconds, tasks, tasks a second, replicas."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Fleet", "Signals", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """What its queues ask of a pool: its share of them where other pools serve them too.

    `waiting` tasks are ready, or will be (`due` of them) by the time that a new worker would be up. `barred` would be
    too, but for a pause or a limit: more workers wouldn't start them. No more than `most` may run at once (None: no
    such limit). `oldest` has waited so long. `arrival_rate`, λ, counts what becomes ready, retries included, and
    `recent_rate` the same of the last seconds alone;
    `service_seconds`, S, is what one attempt takes (None: never measured). `active`: some have ended since the look
    before, though nothing may be left now.
    """

    waiting: float = 0.0
    due: float = 0.0
    barred: float = 0.0
    in_flight: float = 0.0
    most: float | None = None
    oldest: float = 0.0
    arrival_rate: float = 0.0
    recent_rate: float = 0.0
    service_seconds: float | None = None
    active: bool = False

    @property
    def backlog(self) -> float:
        """All that wants a worker, work in flight included."""
        return self.waiting + self.in_flight


@dataclass(frozen=True, slots=True)
class Fleet:
    """A pool's workers. `wanted`: as many replicas as its Deployment has been given; `ready` of their pods are, `busy`
    hold tasks. `start_seconds`: from asking for a pod to its first claim, as measured. `rolling_out`: pods of an older
    template are being replaced. `trouble`: what keeps pods from starting, in Kubernetes' words; `broken`: for a reason
    of their own, such as their image or a crash, that more room or nodes wouldn't cure."""

    wanted: int = 0
    ready: int = 0
    busy: int = 0
    start_seconds: float = 5.0
    rolling_out: bool = False
    trouble: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Signals:
    """All that is known of a pool. `work` is None while its queues can't be read: unknown is not zero."""

    work: Work | None
    fleet: Fleet
