"""A label on the pod of the operator that leads, by which the Service of the HTTP surface finds it:
`penstock.dev/leader` with the Lease's name, since several releases may share a namespace."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from penstock.errors import ApiRefused, PenstockError
from penstock.kube import Kube
from penstock_operator.api import OWNER, PODS, Key

__all__ = ["LABEL", "LeaderLabel"]

log = logging.getLogger("penstock.operator")
LABEL = "penstock.dev/leader"
REQUEST_SECONDS = 2.0
AGAIN_SECONDS = 1.0
LOOK_SECONDS = 30.0
NOT_FOUND = 404


class LeaderLabel:
    """That of one pod. `kube` must not refuse the writes of one who leads no more."""

    def __init__(self, kube: Kube, pod: Key, lease: str) -> None:
        """`pod`: (namespace, name); without a name, outside of a pod, nothing is labelled."""
        self._kube = kube
        self._namespace, self._name = pod
        self._lease = lease

    async def worn(self) -> None:
        """Put it on, take it from whoever led before, and see that it stays so. Cancelled: take it off."""
        try:
            while True:
                done = await self._put_on()
                await asyncio.sleep(LOOK_SECONDS if done else AGAIN_SECONDS)
        finally:
            await self.take_off()

    async def take_off(self) -> None:
        """Remove it: this operator doesn't lead, whatever a process before it in the same pod did."""
        if self._name:
            with suppress(PenstockError, TimeoutError):
                await self._label(self._name, None)

    async def _put_on(self) -> bool:
        """Whether all requests were answered."""
        if not self._name:
            return True
        try:
            await self._label(self._name, self._lease)
            for name in await self._others():
                await self._label(name, None)
        except (PenstockError, TimeoutError) as error:
            log.warning("couldn't label the leader's pod %s/%s: %s", self._namespace, self._name, error)
            return False
        return True

    async def _others(self) -> list[str]:
        """A leader that has died without a word still wears it."""
        async with asyncio.timeout(REQUEST_SECONDS):
            wearing = self._kube.list(PODS, self._namespace, labelSelector=f"{LABEL}={self._lease}")
            return [name async for pod in wearing if (name := str(pod["metadata"]["name"])) != self._name]

    async def _label(self, name: str, value: str | None) -> None:
        change = {"metadata": {"labels": {LABEL: value}}}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._kube.merge(PODS, self._namespace, name, change, owner=OWNER)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
                raise
