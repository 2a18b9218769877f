"""The pools as those see them who only show them: see `Watched`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.broker.messages import Depth
from penstock_operator.api import Key
from penstock_operator.autoscale.survey import Reading
from penstock_operator.autoscale.view import View
from penstock_operator.pools.state import PoolState

__all__ = ["PoolViews"]


class PoolViews:
    """Of `states` and `readings`, which others keep."""

    def __init__(self, states: Mapping[Key, PoolState], readings: Mapping[Key, Reading]) -> None:
        self._states = states
        self._readings = readings

    def pool(self, key: Key) -> View | None:
        """See Watched."""
        state = self._states.get(key)
        return None if state is None else _view(state)

    def views(self) -> Iterator[View]:
        """See Watched."""
        yield from map(_view, self._states.values())

    def looked_at(self) -> dict[Key, Depth | None]:
        """See Watched."""
        return {key: reading.depth for key, reading in self._readings.items()}


def _view(state: PoolState) -> View:
    auto = state.pool.spec.autoscaling
    return View(
        namespace=state.key[0],
        name=state.key[1],
        mode=auto.mode,
        queues=state.queues,
        signals=state.signals,
        decision=state.decision,
        would=state.would,
        min_replicas=auto.min_replicas,
        max_replicas=auto.max_replicas,
        spec_replicas=state.pool.spec.replicas,
    )
