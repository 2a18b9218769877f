"""Who works in a pool: its pods, and what their processes and the queues say of them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from penstock.broker.messages import Attendance, Depth
from penstock_operator.autoscale.departure import Worker
from penstock_operator.autoscale.pod_view import PodView

__all__ = ["holders", "roster"]

SILENT_SECONDS = 5.0  # a worker attends about once a second


def holders(depths: Iterable[Depth]) -> Counter[str]:
    """How many tasks each worker (pod) holds, over several queues. A process is a consumer; it says whose it is, and if
    it hasn't yet, its name does, as `worker` makes it: HOST-PID-NONCE."""
    depths = list(depths)
    workers = {one.consumer: one.worker for depth in depths for one in depth.workers}
    held: Counter[str] = Counter()
    for depth in depths:
        for consumer, count in depth.holding.items():
            held[workers.get(consumer) or consumer.rsplit("-", 2)[0]] += count
    return held


def roster(pods: Iterable[PodView], home: Depth | None, held: Mapping[str, int]) -> list[Worker]:
    """The pods that live. `home`: the queue where they attend; None if it can't be read."""
    said: defaultdict[str, list[Attendance]] = defaultdict(list)
    for one in home.workers if home is not None else ():
        if one.seen < SILENT_SECONDS:
            said[one.worker].append(one)
    return [_worker(pod, said.get(pod.name, []), held.get(pod.name, 0)) for pod in pods if pod.alive]


def _worker(pod: PodView, said: list[Attendance], held: int) -> Worker:
    return Worker(
        pod.name,
        pod.assigned,
        pod.phase,
        pod.ready,
        pod.cost,
        pod.created,
        busy=max(held, sum(one.busy for one in said)),
        attends=bool(said),
        resting=bool(said) and all(one.resting for one in said),
    )
