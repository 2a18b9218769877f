"""Which pods a ReplicaSet removes first: the order of Kubernetes' `ActivePodsWithRanks`
(pkg/controller/controller_utils.go).

Not yet running, not ready, lower deletion cost, more of its kind on the same node, ready for a shorter time (compared
by powers of two since LogarithmicScaleDown), and then an order that nobody can foretell (by UID). What a pod works on
plays no part in it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from random import Random

from benchmarks.autoscale.world.pod import Pod

__all__ = ["ranked"]

Key = tuple[bool, bool, int, int, int, float]


def ranked(pods: Iterable[Pod], now: float, dice: Random) -> list[Pod]:
    """The active ones, those first that go first."""
    active = [pod for pod in pods if pod.is_active]
    crowd = Counter(pod.node for pod in active)

    def key(pod: Pod) -> Key:
        age = _logarithm(now - pod.ready) if pod.is_ready else 0
        return (pod.image <= now, pod.is_ready, pod.cost, -crowd[pod.node], age, dice.random())

    return sorted(active, key=key)


def _logarithm(age: float) -> int:
    """Ages of the same power of two count as equal."""
    return math.floor(math.log2(age)) if age > 0 else -64
