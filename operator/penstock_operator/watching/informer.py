"""Keeps up with a collection of the API server: lists it page by page, then watches it from there.

After Kubernetes' own "Efficient detection of changes": a watch goes on from the last resourceVersion that was heard
of; when the server has forgotten that (410 Gone), all is listed again, and what is missing then was deleted unseen.
kopf's watch would keep every object's body and a task for it; at tens of thousands of objects that is too much.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Generic

import msgspec
from msgspec import Raw, Struct

from penstock.errors import ApiRefused, NotConnected, PenstockError
from penstock.kube import Kube
from penstock.shallow import decode_shallow
from penstock_operator.watching.source import Listener, Source, T

__all__ = ["Informer"]

log = logging.getLogger("penstock.operator")
PAGE = 500
# The API server sends a bookmark a minute (and a quarter, at worst): a watch that is silent for longer is dead.
SILENCE_SECONDS = 90.0
WATCH_SECONDS = 300
# All is compared with what the server holds this often, though nothing seems to be missing.
COMPARE_SECONDS = 600.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
FORBIDDEN, NOT_FOUND, GONE = 403, 404, 410


class _Metadata(Struct, rename="camel"):
    resource_version: str = ""
    uid: str = ""


class _Head(Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    code: int = 0
    message: str = ""


class _Continue(Struct, rename="camel"):
    resource_version: str
    token: str = msgspec.field(name="continue", default="")


class _Page(Struct):
    metadata: _Continue
    items: list[Raw] | None  # null is how Go spells an empty list that nobody made


class _Event(Struct):
    type: str
    object: Raw


class _Forgotten(Exception):
    """The server doesn't know the resourceVersion any more."""


_pages = msgspec.json.Decoder(_Page)
_events = msgspec.json.Decoder(_Event)
_heads = msgspec.json.Decoder(_Head)


class Informer(Generic[T]):
    """Tells `listener` of one source, for ever. `synced` is set once all that was there has been told, or that a single
    namespace may not be read: one that is gone mustn't keep the others waiting."""

    def __init__(
        self,
        kube: Kube,
        source: Source[T],
        listener: Listener[T],
        *,
        silence: float = SILENCE_SECONDS,
        compare: float = COMPARE_SECONDS,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._kube = kube
        self._source = source
        self._listener = listener
        self._silence = silence
        self._compare = compare
        self._random = random
        self._pause = FIRST_PAUSE_SECONDS
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """List and watch for ever."""
        while True:
            try:
                await self._follow(await self._list())
            except _Forgotten as error:
                await self._rest(f"the watch can't go on ({error}); all is listed again")
            except PenstockError as error:
                self._barred(error)
                await self._rest(error)
            except Exception as error:  # an answer that is none, or a bug: all is listed again
                log.exception("%s: watching failed", self._source.path)
                await self._rest(repr(error))

    def _barred(self, error: PenstockError) -> None:
        """What was seen of a namespace stays as it is: only a list could tell that it is gone."""
        if self._source.namespace and isinstance(error, ApiRefused) and error.status in (FORBIDDEN, NOT_FOUND):
            self.synced.set()

    # --- listing ----------------------------------------------------------------------------------------------------

    async def _list(self) -> str:
        """Tell of all there is, and of what isn't there any more. The resourceVersion of it all."""
        before = set(self._listener.uids(self._source.namespace))
        query = {"limit": str(PAGE)} | self._source.selectors
        while True:
            page = await self._page(query)
            for body in page.items or ():
                before.discard(self._tell(bytes(body)))
            if not page.metadata.token:
                break
            query["continue"] = page.metadata.token
        for uid in before:
            self._listener.gone(uid)
        self.synced.set()
        return page.metadata.resource_version

    async def _page(self, query: dict[str, str]) -> _Page:
        try:
            return decode_shallow(_pages, await self._kube.raw("GET", self._source.path, query=query))
        except ApiRefused as error:
            if error.status == GONE:  # the list took longer than the server keeps its state
                raise _Forgotten(error.message) from error
            raise

    def _tell(self, body: bytes) -> str:
        """Tell of one object. Its uid. What it holds mustn't keep others from being told."""
        item = self._source.read(body)
        try:
            self._listener.seen(item)
        except Exception:
            log.exception("%s: what was to be done about %s failed", self._source.path, item.uid)
        return item.uid

    # --- watching ---------------------------------------------------------------------------------------------------

    async def _follow(self, version: str) -> None:
        """Watch, again and again from where the last one ended, until it is time to compare."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._compare * (1 + self._random() / 4)
        while loop.time() < until:
            try:
                version = await self._watch(version)
            except _Broken as broken:
                version = broken.version
                await self._rest(broken)

    async def _watch(self, version: str) -> str:
        """Watch from `version` until the server ends it; the version to go on from."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with aclosing(self._kube.lines(self._source.path, query | self._source.selectors)) as chunks:
            while lines := await self._next(chunks, version):
                for line in lines:
                    version = self._heard(line) or version
                self._pause = FIRST_PAUSE_SECONDS  # only now: an error comes as a line, too
        return version

    async def _next(self, chunks: AsyncGenerator[Sequence[bytes], None], version: str) -> Sequence[bytes]:
        """The next lines, none at the end. Raises _Broken, or _Forgotten where `version` is too old."""
        try:
            async with asyncio.timeout(self._silence):
                return await anext(chunks, None) or ()  # a tuple as anext's default makes CPython 3.11 fail
        except TimeoutError:
            raise _Broken(version, f"nothing was heard for {self._silence:g} s") from None
        except (NotConnected, ApiRefused) as error:
            if isinstance(error, ApiRefused) and error.status == GONE:
                raise _Forgotten(error.message) from error
            raise _Broken(version, str(error)) from error

    def _heard(self, line: bytes) -> str:
        event = decode_shallow(_events, line)
        body = bytes(event.object)
        head = decode_shallow(_heads, body)
        match event.type:
            case "ADDED" | "MODIFIED":
                self._tell(body)
            case "DELETED":
                self._listener.gone(head.metadata.uid)
            case "ERROR":
                # Whatever it is: a list tells how things are.
                raise _Forgotten(f"{head.code}: {head.message}")
        return head.metadata.resource_version

    async def _rest(self, why: object) -> None:
        pause = self._pause * (0.5 + self._random() / 2)
        log.warning("%s: %s; again in %.1f s", self._source.path, why, pause)
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)
        await asyncio.sleep(pause)


class _Broken(Exception):
    """A watch ended that goes on from `version`."""

    def __init__(self, version: str, why: str) -> None:
        super().__init__(why)
        self.version = version
