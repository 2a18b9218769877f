"""One of several operators leads: it holds a Lease and renews it; the others stand by and take it when it runs out.

A leader that can't renew in time stops by itself, before anybody may take the Lease; one that was suspended finds by
its own clock that its time is over before it writes anything. What it had sent just before, the API server and Redis
refuse: by preconditions there, by the leader's epoch here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress

from penstock.errors import ApiRefused, Deposed, PenstockError
from penstock.kube import Kube, Manifest
from penstock.stopping import stopped
from penstock_operator.api import LEASES, Key
from penstock_operator.election import Observation, free, held_by_another, observed, released, taken

__all__ = ["Leader"]

log = logging.getLogger("penstock.operator")
# A killed leader is replaced after the Lease's time and two looks at most; whole seconds, as the API wants them.
LEASE_SECONDS = 3
VALID_SECONDS = 2.5  # after the start of the last renewal: before anybody else may take the Lease
RENEW_SECONDS = 0.75
LOOK_SECONDS = 0.4
AGAIN_SECONDS = 0.2
REQUEST_SECONDS = 1.5
BRIEF_SECONDS = 30.0  # leading that fails sooner, again and again, won't get better by itself
FAILURES = 5
CONFLICT, NOT_FOUND = 409, 404


class Leader:
    """This process's part in the election. `kube` is its own connection: renewals wait behind nobody."""

    def __init__(
        self,
        kube: Kube,
        lease: Key,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._namespace, self._name = lease
        self._identity = identity
        self._clock = clock
        self._wall = wall
        self._seen: Observation | None = None
        self._lease: Manifest = {}  # as it was last written by us
        self._until = float("-inf")
        self._least_epoch = 0
        self.failures = 0

    @property
    def failing(self) -> bool:
        """Whether leading fails time and again: a fresh process may do better, or another."""
        return self.failures >= FAILURES

    @property
    def valid(self) -> bool:
        """Whether nobody else can lead now."""
        return self._clock() < self._until

    def check(self) -> None:
        """Raise Deposed unless this process leads."""
        if not self.valid:
            raise Deposed("this operator doesn't lead (any more)")

    async def run(self, lead: Callable[[int], Coroutine[object, object, None]]) -> None:
        """For ever: wait for the Lease, then `lead(epoch)` for as long as it is held."""
        try:
            while True:
                epoch, began = await self._acquire(), self._clock()
                log.info("leading, in epoch %d", epoch)
                work = asyncio.create_task(lead(epoch), name="penstock leading")
                try:
                    await self._hold(work)
                finally:
                    await stopped(work)
                log.warning("not leading any more")
                self._heed(work, self._clock() - began)
                await asyncio.sleep(min(self.failures, FAILURES) * AGAIN_SECONDS)
        finally:
            await self._release()

    def _heed(self, work: asyncio.Task[None], seconds: float) -> None:
        """Redis knows of a later epoch though the Lease is ours: it was deleted, or restored from an older copy. Any
        other end by itself is a bug."""
        error = None if work.cancelled() else work.exception()
        if isinstance(error, Deposed):
            self._least_epoch = error.epoch + 1
        elif error is not None:
            log.error("leading ended by itself", exc_info=error)
            self.failures = 1 if seconds > BRIEF_SECONDS else self.failures + 1

    # --- taking it --------------------------------------------------------------------------------------------------

    async def _acquire(self) -> int:
        while True:
            try:
                if await self._try():
                    return int(self._lease["spec"]["leaseTransitions"])
                pause = LOOK_SECONDS
            except (PenstockError, TimeoutError) as error:
                log.warning("couldn't look after the Lease %s/%s: %s", self._namespace, self._name, error)
                pause = AGAIN_SECONDS * 2
            await asyncio.sleep(pause)

    async def _try(self) -> bool:
        async with asyncio.timeout(REQUEST_SECONDS):
            lease = await self._kube.get(LEASES, self._namespace, self._name)
        if lease is None:
            return await self._write({"metadata": {"name": self._name, "namespace": self._namespace}})
        self._seen = observed(self._seen, lease, self._clock())
        if held_by_another(self._seen, self._identity):
            self._until = float("-inf")  # somebody has given it away by hand
        return free(self._seen, self._identity, self._clock()) and await self._write(lease)

    async def _write(self, lease: Manifest) -> bool:
        """Write it as ours. False if somebody else was faster."""
        began = self._clock()
        wanted = taken(lease, self._identity, duration=LEASE_SECONDS, least_epoch=self._least_epoch, at=self._wall())
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                self._lease = await self._store(wanted)
        except ApiRefused as error:
            if error.status in (CONFLICT, NOT_FOUND):
                return False
            raise
        self._until = began + VALID_SECONDS
        return True

    async def _store(self, lease: Manifest) -> Manifest:
        if "resourceVersion" in lease["metadata"]:
            return await self._kube.replace(LEASES, self._namespace, lease)
        return await self._kube.create(LEASES, self._namespace, lease)

    # --- holding it -------------------------------------------------------------------------------------------------

    async def _hold(self, work: asyncio.Task[None]) -> None:
        """Renew it until it is lost, or `work` ends."""
        pause = RENEW_SECONDS
        while not work.done():
            await asyncio.wait({work}, timeout=pause)
            try:
                renewed = await self._write(self._lease) or await self._try()
            except (PenstockError, TimeoutError) as error:
                log.warning("couldn't renew the Lease %s/%s: %s", self._namespace, self._name, error)
                renewed = False
            if not self.valid:
                return
            pause = RENEW_SECONDS if renewed else AGAIN_SECONDS

    async def _release(self) -> None:
        """Let the next one take it at once."""
        if not self.valid:
            return
        self._until = float("-inf")
        with suppress(PenstockError, TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._kube.replace(LEASES, self._namespace, released(self._lease))
