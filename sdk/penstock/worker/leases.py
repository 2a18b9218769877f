"""Keeps the leases of what this worker runs, from a thread of its own: a busy event loop must not lose one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from penstock.broker import Broker
from penstock.broker.messages import Claimer, Lease, Renewal
from penstock.errors import PenstockError
from penstock.worker.outage import Outage

__all__ = ["Leases"]

log = logging.getLogger("penstock.worker")
RENEWALS_PER_LEASE = 3  # two may fail before a lease is lost
BATCH = 200


class Leases:
    """The leases held now. `on_change` is called on the loop for those that are lost or asked to be cancelled."""

    def __init__(
        self,
        broker: Broker,
        claimer: Claimer,
        seconds: float,
        on_change: Callable[[Lease, Renewal], None],
        outage: Outage | None = None,
    ) -> None:
        self._outage = outage or Outage()
        self._broker = broker
        self._claimer = claimer
        self._interval = seconds / RENEWALS_PER_LEASE
        self._on_change = on_change
        self._held: dict[str, Lease] = {}
        self._ending = threading.Event()
        self._ended = asyncio.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to renew."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._renew_all, args=(loop,), name="penstock-leases", daemon=True)
        self._thread.start()

    def hold(self, lease: Lease) -> None:
        """Renew this one from now on."""
        self._held[lease.id] = lease

    def drop(self, lease: Lease) -> None:
        """Renew this one no more."""
        if self._held.get(lease.id) is lease:  # a later attempt at the same task may hold another
            del self._held[lease.id]

    @property
    def held(self) -> int:
        """How many are renewed now."""
        return len(self._held)

    async def stop(self) -> None:
        """End the thread. What is still held runs out by itself."""
        self._ending.set()
        if self._thread is not None:
            await self._ended.wait()
            self._thread.join()

    def _renew_all(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._renew_on(loop)
        finally:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._ended.set)

    def _renew_on(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ending.wait(self._interval):
            # A copy is one step under the GIL; a lock would cost every task for the sake of one look per lease.
            held = self._held.copy().values()
            by_queue: defaultdict[str, list[Lease]] = defaultdict(list)
            for lease in held:
                by_queue[lease.queue].append(lease)
            for leases in by_queue.values():
                for first in range(0, len(leases), BATCH):
                    self._renew(leases[first : first + BATCH], loop)

    def _renew(self, leases: list[Lease], loop: asyncio.AbstractEventLoop) -> None:
        try:
            renewals = self._broker.renew(leases, self._claimer)
        except PenstockError as error:
            self._outage.failed("renew", leases[0].queue, error)
            return
        except Exception:  # a bug: it mustn't end the thread, and with it every lease
            log.exception("couldn't renew %d leases", len(leases))
            return
        self._outage.worked("renew", leases[0].queue)
        for lease, renewal in zip(leases, renewals, strict=True):
            if renewal is not Renewal.HELD and not loop.is_closed():
                loop.call_soon_threadsafe(self._changed, lease, renewal)

    def _changed(self, lease: Lease, renewal: Renewal) -> None:
        if renewal is Renewal.LOST:
            self.drop(lease)
        self._on_change(lease, renewal)
