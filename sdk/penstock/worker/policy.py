"""Which settings hold for a task: the call's, else the task's declaration, else the TaskQueue's, else the default."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from penstock.broker import Broker
from penstock.broker.messages import QueueConfig
from penstock.definition import Definition, Options
from penstock.envelope import Envelope
from penstock.errors import PenstockError
from penstock.retry import RetryPolicy
from penstock.worker.outage import Outage

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
    """The queues' settings as last read."""

    def __init__(self, broker: Broker, outage: Outage | None = None) -> None:
        self._broker = broker
        self._outage = outage or Outage()
        self._configs: dict[str, QueueConfig] = {}
        self._plain: dict[tuple[str, str], Policy] = {}
        self._changed = asyncio.Event()

    def config(self, queue: str) -> QueueConfig:
        """A queue's settings; the last known ones where the broker doesn't answer."""
        return self._configs.get(queue) or QueueConfig()

    def of(self, envelope: Envelope, definition: Definition | None) -> Policy:
        """What holds for one task. Those that ask for nothing of their own share their answer; for names that nobody
        here knows none is kept, as there is no end to them."""
        if definition is None or envelope.resource or envelope.retry or envelope.timeout or envelope.result_ttl:
            return self._resolved(envelope, definition)
        key = (envelope.queue, envelope.task)
        if key not in self._plain:
            self._plain[key] = self._resolved(envelope, definition)
        return self._plain[key]

    def _resolved(self, envelope: Envelope, definition: Definition | None) -> Policy:
        return resolve(envelope, definition.options if definition else None, self.config(envelope.queue))

    def changed(self) -> None:
        """The settings have changed: read them again now."""
        self._changed.set()

    async def follow(self, queues: Sequence[str]) -> None:
        """Read the settings, for ever: when they change, and every few seconds besides."""
        while True:
            self._changed.clear()  # first: a change that is told while they are read mustn't be missed
            for queue in queues:
                await self._read(queue)
            with suppress(TimeoutError):
                async with asyncio.timeout(FRESH_SECONDS):
                    await self._changed.wait()

    async def _read(self, queue: str) -> None:
        try:
            config = await self._broker.config(queue)
        except PenstockError as error:
            return self._outage.failed("settings", queue, error)
        self._outage.worked("settings", queue)
        if config != self._configs.get(queue):
            self._configs[queue] = config
            self._plain.clear()
        return None
