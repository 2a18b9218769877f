from __future__ import annotations

from benchmarks.capacity.pool import bounds


def test_what_the_pool_does_not_say_is_removed_again() -> None:
    assert bounds({"spec": {}}) == {"minReplicas": None, "maxReplicas": None}
    assert bounds({"spec": {"autoscaling": {"maxReplicas": 4}}}) == {"minReplicas": None, "maxReplicas": 4}
