"""The brokers of all namespaces, on one connection that is made when it is first needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from penstock.broker import Broker, connect
from penstock.errors import SubmissionError

__all__ = ["Brokers"]

log = logging.getLogger("penstock.operator")


class Brokers:
    """One Redis, as each namespace sees it."""

    def __init__(self, url: str, lease: str = "penstock", clock: Callable[[], float] = time.time) -> None:
        """`lease`: whose holder acts by these."""
        self.url = url
        self._clock = clock
        self._lease = lease
        self._epoch: int | None = None
        self._brokers: dict[str, Broker] = {}

    def of(self, namespace: str) -> Broker:
        """The namespace's broker."""
        if namespace not in self._brokers:
            self._brokers[namespace] = self._connected(namespace)
        return self._brokers[namespace]

    async def lead(self, epoch: int, queues: Iterable[tuple[str, str]]) -> None:
        """Act as the leader of that epoch from now on: first of all at these (namespace, queue), where whoever led
        before can't act any more then. Raises Deposed where a later one has."""
        self._epoch = epoch
        for broker in self._brokers.values():
            broker.lead(self._lease, epoch)
        for namespace, queue in queues:
            try:
                await self.of(namespace).begin_epoch(queue)
            except SubmissionError as error:  # the first that is done there says it too
                log.warning("couldn't tell queue %s/%s who leads: %s", namespace, queue, error)

    def _connected(self, namespace: str) -> Broker:
        first = next(iter(self._brokers.values()), None)
        broker = connect(self.url, namespace, self._clock) if first is None else first.within(namespace)
        if self._epoch is not None:
            broker.lead(self._lease, self._epoch)
        return broker

    async def close(self) -> None:
        """Disconnect."""
        for broker in self._brokers.values():
            await broker.close()
