"""An app's connections: to the broker and the API server, one of each for each event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from penstock import limits
from penstock.broker import Broker, connect
from penstock.client import BrokerClient
from penstock.distribution import install
from penstock.errors import ConfigurationError
from penstock.handle import Change, Source, TaskStatus
from penstock.namespace import current_namespace
from penstock.outcome import Outcome
from penstock.portal import Portal
from penstock.sealing import PayloadCodec

if TYPE_CHECKING:
    from penstock.batch_client import BatchClient
    from penstock.resource_client import ResourceClient

__all__ = ["Connections"]

Loop = asyncio.AbstractEventLoop
_WITHOUT_CLUSTER = "without a cluster, use app.enqueue_many and app.as_completed"


@contextmanager
def _kubernetes() -> Iterator[None]:
    """Say which extra is missing, where one is."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"resources are sent by a client that isn't installed ({error.name}): run {install('kubernetes')}, or "
            "submit without resource="
        ) from error


class _Reached:
    """A Source that any event loop may use: each call goes through the client of the loop that makes it."""

    def __init__(
        self, reach: Callable[[], Awaitable[Source]], portal: Portal, codec: PayloadCodec | None = None
    ) -> None:
        self.portal = portal
        self.codec = codec
        self._reach = reach

    async def status(self, id: str) -> TaskStatus:
        """See Source."""
        return await (await self._reach()).status(id)

    async def wait(self, id: str) -> Outcome | None:
        """See Source."""
        return await (await self._reach()).wait(id)

    async def cancel(self, id: str) -> bool:
        """See Source."""
        return await (await self._reach()).cancel(id)

    async def revise(self, id: str, change: Change) -> bool:
        """See Source."""
        return await (await self._reach()).revise(id, change)


class Connections:
    """Made when they are first needed. `url` and `namespace` as Penstock's. `clock` is that of submissions, and of
    memory:// altogether."""

    def __init__(
        self,
        url: str | None,
        namespace: str | None,
        clock: Callable[[], float] = time.time,
        codec: PayloadCodec | None = None,
    ) -> None:
        self._clock = clock
        self._url = url
        self._namespace = namespace
        self._process: int | None = None  # whose memory it is
        self.portal = Portal()
        # For handles, in whichever loop they are used.
        self.tasks: Source = _Reached(self._client_here, self.portal, codec)
        self.task_resources: Source = _Reached(self.resources, self.portal)
        self._clients: WeakKeyDictionary[Loop, BrokerClient] = WeakKeyDictionary()
        self._resources: WeakKeyDictionary[Loop, ResourceClient] = WeakKeyDictionary()
        self._batches: WeakKeyDictionary[Loop, BatchClient] = WeakKeyDictionary()

    def default_to(self, url: str | None, namespace: str | None) -> None:
        """Fill in what the app itself doesn't say. Before anything has connected."""
        self._url, self._namespace = self._url or url, self._namespace or namespace
        for name in ("url", "namespace"):
            self.__dict__.pop(name, None)

    @cached_property
    def url(self) -> str:
        """The broker's. Raises ConfigurationError if there is none."""
        url = self._url or os.environ.get("PENSTOCK_URL")
        if not url or not isinstance(url, str):
            raise ConfigurationError("no broker: set PENSTOCK_URL or pass url= (redis://… or memory://)")
        return url

    @cached_property
    def namespace(self) -> str:
        """The one whose queues these are. Raises ConfigurationError for what can't be one."""
        namespace = current_namespace() if self._namespace is None else self._namespace
        if not limits.NAMESPACE.fits(namespace):
            raise ConfigurationError(
                f"namespace {namespace!r}: use {limits.NAMESPACE.told}, in PENSTOCK_NAMESPACE or as namespace="
            )
        return namespace

    def same(self, other: Connections) -> bool:
        """Whether both lead to one broker and namespace. memory:// is an app's own."""
        if self is other:
            return True
        places = [(one.url, one.namespace) for one in (self, other)]
        return places[0] == places[1] and not self.url.startswith("memory://")

    @cached_property
    def _memory(self) -> Broker:
        self._process = os.getpid()
        return connect(self.url, self.namespace, self._clock)

    @property
    def _forked(self) -> bool:
        """Whether the memory is that of another process, of which this one is a fork."""
        return self._process not in (None, os.getpid())

    def broker(self, *, submitter: bool = False) -> Broker:
        """A new connection to the broker; for memory://, the only one. Raises ConfigurationError where that is in the
        memory of another process, of which this one is a fork."""
        if not self.url.startswith("memory://"):
            return connect(self.url, self.namespace, self._clock, submitter=submitter)
        broker = self._memory
        if self._forked:
            raise ConfigurationError(
                f"{self.url} is in the memory of process {self._process}, and this is a fork of it: a task "
                "that is queued here would never run; set PENSTOCK_URL to a Redis that both reach"
            )
        return broker

    def now(self) -> float:
        """What time it is by the own clock."""
        return self._clock()

    def client(self) -> BrokerClient:
        """This loop's client of the broker."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            _forget_closed(self._clients)
            self._clients[loop] = BrokerClient(self.broker(submitter=True), source=self.tasks)
        return self._clients[loop]

    async def _client_here(self) -> BrokerClient:
        return self.client()

    async def resources(self) -> ResourceClient:
        """This loop's client of the API server."""
        with _kubernetes():
            from penstock.kube import Kube
            from penstock.resource_client import ResourceClient

        loop = asyncio.get_running_loop()
        if loop not in self._resources:
            _forget_closed(self._resources)
            self._resources[loop] = ResourceClient(await Kube.connect(), self.namespace, source=self.task_resources)
        return self._resources[loop]

    async def batches(self) -> BatchClient:
        """This loop's client for batches, which are resources whose items are the broker's. Raises
        ConfigurationError where there is no cluster, or no broker that its workers share."""
        with _kubernetes():
            from penstock.batch_client import BatchClient
            from penstock.kube import Kube

        loop = asyncio.get_running_loop()
        if loop not in self._batches:
            _forget_closed(self._batches)
            if self.url.startswith("memory://"):
                raise ConfigurationError(f"{self.url} has no batches: {_WITHOUT_CLUSTER}")
            try:
                kube = await Kube.connect()
            except ConfigurationError as error:
                raise ConfigurationError(f"{error}; a batch is a TaskBatch resource: {_WITHOUT_CLUSTER}") from error
            broker = self.client().broker
            self._batches[loop] = BatchClient(kube, broker, self.namespace, source=self.tasks, reach=self.batches)
        return self._batches[loop]

    async def close(self) -> None:
        """Close this loop's."""
        loop = asyncio.get_running_loop()
        if (batches := self._batches.pop(loop, None)) is not None:
            await batches.close()
        if (client := self._clients.pop(loop, None)) is not None:
            await client.close()
        if (resources := self._resources.pop(loop, None)) is not None:
            await resources.close()


def _forget_closed(clients: WeakKeyDictionary[Loop, Any]) -> None:
    """Drop those of loops that have ended without `close`, as with `asyncio.run` around one call. A client refers to
    its loop, so none would ever be collected."""
    for loop in [loop for loop in clients if loop.is_closed()]:
        del clients[loop]
