"""What happened on the cluster: tasks by their own records, pods as they were seen. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from benchmarks.autoscale.validation.sightings import Sighting
from benchmarks.autoscale.world.startup import Startup

from penstock.kube import Manifest

__all__ = ["Measured", "Ran", "counts", "measure"]


@dataclass(frozen=True, slots=True)
class Ran:
    """A task: seconds since the sequence began, and the worker that ran it."""

    queued: float
    started: float
    finished: float
    worker: str

    @property
    def wait(self) -> float:
        """Until it started."""
        return max(0.0, self.started - self.queued)

    @property
    def service(self) -> float:
        """What it took."""
        return self.finished - self.started


@dataclass(frozen=True, slots=True)
class Measured:
    """Tasks in the order in which they were queued; pods with moments since the sequence began; its end."""

    tasks: tuple[Ran, ...]
    pods: Mapping[str, Sighting]
    end: float

    @property
    def startup(self) -> Startup:
        """From each pod's creation to its first claim or its readiness, whichever was first: lognormal."""
        starts = [
            math.log(max(0.1, begun - pod.created))
            for name, pod in self.pods.items()
            if (begun := self._begun(name)) < math.inf
        ]
        spread = statistics.stdev(starts) if len(starts) > 1 else 0.0
        return Startup(math.exp(statistics.median(starts)), spread, nodes=1)

    def _begun(self, name: str) -> float:
        claims = [task.started for task in self.tasks if task.worker.startswith(name)]
        return min([self.pods[name].ready, *claims])

    @property
    def pod_seconds(self) -> float:
        """Of all pods, up to the end."""
        return math.fsum(min(pod.gone, self.end) - pod.created for pod in self.pods.values())


def measure(tasks: Iterable[Manifest], pods: Mapping[str, Sighting], began: float, ended: float) -> Measured:
    """From what the API server told. `began`, `ended`: seconds of the wall clock."""
    ran = sorted((_ran(body["status"], began) for body in tasks), key=lambda one: one.queued)
    shifted = {name: Sighting(pod.created - began, pod.ready - began, pod.gone - began) for name, pod in pods.items()}
    return Measured(tuple(ran), shifted, ended - began)


def _ran(status: Manifest, began: float) -> Ran:
    queued, started, finished = (
        datetime.fromisoformat(status[name]).timestamp() - began for name in ("queuedAt", "startedAt", "finishedAt")
    )
    return Ran(queued, started, finished, status.get("worker", ""))


def counts(spans: Iterable[tuple[float, float]], end: float) -> list[int]:
    """How many spans (begin, end) are open at each whole second."""
    known = list(spans)
    return [sum(begin <= second < over for begin, over in known) for second in range(math.ceil(end))]
