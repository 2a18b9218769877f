"""What the operator has made, and whether somebody has changed or deleted it since: by what is, not by memory."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec
from msgspec import Struct

from penstock.kube import Manifest
from penstock.shallow import decode_shallow
from penstock_operator.api import Key
from penstock_operator.watching.names import Names

__all__ = ["Made", "Makings"]


class _Metadata(Struct, rename="camel"):
    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    generation: int = 0


class _Object(Struct):
    metadata: _Metadata


_objects = msgspec.json.Decoder(_Object)


class Made(Struct, frozen=True):
    """One object. `state` is another after each change that matters: its generation counts those of the spec; a kind
    without one has its resourceVersion."""

    uid: str
    key: Key
    state: str

    @classmethod
    def parse(cls, body: bytes) -> Made:
        """From the API's JSON."""
        meta = decode_shallow(_objects, body).metadata
        return cls(meta.uid, (meta.namespace, meta.name), str(meta.generation or meta.resource_version))

    @classmethod
    def misread(cls, manifest: Manifest, problem: str) -> Made:
        """Whatever somebody has written into it."""
        return cls.parse(msgspec.json.encode({"metadata": manifest["metadata"]}))


class Makings:
    """Those of one kind. Tells `drifted(key)` of each that isn't any more as it was written last; of one that was never
    written here it knows nothing."""

    def __init__(self, drifted: Callable[[Key], None]) -> None:
        self._drifted = drifted
        self._names = Names()
        self._written: dict[Key, str] = {}

    def wrote(self, body: Manifest) -> None:
        """It was written, and is like this now."""
        one = Made.misread(body, "")
        self._written[one.key] = one.state

    def forget(self) -> None:
        """All of it: somebody else may have written since."""
        self._written.clear()

    def seen(self, one: Made) -> None:
        """It was added or changed, or is just there."""
        self._names.put(one.uid, one.key)
        if self._written.get(one.key, one.state) != one.state:
            self._drift(one.key)

    def gone(self, uid: str) -> None:
        """It was deleted."""
        if (key := self._names.pop(uid)) is not None and key in self._written:
            self._drift(key)

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all that are there."""
        return self._names.uids(namespace)

    def _drift(self, key: Key) -> None:
        del self._written[key]
        self._drifted(key)
