"""Which settings hold for a task: the call's, else the task's declaration, else the TaskQueue's, else the default."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from penstock.broker.protocol import Broker, QueueConfig
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.errors import PenstockError
from penstock.retry import RetryPolicy

__all__ = ["Policies", "Policy", "resolve"]

RESULT_SECONDS = 3600.0
# A Task resource's record is the mark that it was run: it outlives any trouble in reporting the outcome.
REPORTED_SECONDS = 24 * 3600.0
FRESH_SECONDS = 5.0  # how old a queue's settings may be


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds. Seconds."""

    retry: RetryPolicy
    timeout: float | None
    result_ttl: float


def resolve(envelope: Envelope, options: Options | None, config: QueueConfig) -> Policy:
    """The settings in order of precedence."""
    declared = options or Options(envelope.queue)
    least = REPORTED_SECONDS if envelope.resource else 0.0
    return Policy(
        envelope.retry or declared.retry or config.retry or RetryPolicy(),
        _first(envelope.timeout, declared.timeout, config.timeout),
        max(least, _first(envelope.result_ttl, declared.result_ttl, config.result_ttl) or RESULT_SECONDS),
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


class Policies:
    """The queues' settings, read again every few seconds."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._clock = clock
        self._known: dict[str, tuple[float, QueueConfig]] = {}

    async def config(self, queue: str) -> QueueConfig:
        """A queue's settings; the last known ones where the broker doesn't answer."""
        read_at, config = self._known.get(queue, (float("-inf"), QueueConfig()))
        if self._clock() - read_at < FRESH_SECONDS:
            return config
        try:
            config = await self._broker.config(queue)
        except PenstockError:
            return config
        self._known[queue] = (self._clock(), config)
        return config

    async def of(self, envelope: Envelope, definition: Definition | None) -> Policy:
        """What holds for one task."""
        return resolve(envelope, definition.options if definition else None, await self.config(envelope.queue))
