"""Objects of the kinds of which there are few: whole, as the API server has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from penstock.kube import Manifest
from penstock_operator.api import Key, part

__all__ = ["Kind", "Stored"]

_objects = msgspec.json.Decoder(Manifest)


class Model(Protocol):
    """What the manifest of a kind is parsed by."""

    @classmethod
    def stored(cls, value: Mapping[str, object], /) -> Self:
        """Raises ValueError."""
        ...


M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Stored(Generic[M]):
    """One object at one resourceVersion. `resource` is None where it isn't understood; `problem` tells why."""

    manifest: Manifest
    resource: M | None
    problem: str = ""

    @property
    def uid(self) -> str:
        """Tells namesakes apart."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        metadata = self.manifest["metadata"]
        return metadata["namespace"], metadata["name"]

    @property
    def generation(self) -> int:
        """Of its spec."""
        return int(self.manifest["metadata"].get("generation", 1))

    @property
    def status(self) -> Manifest:
        """As it was last written."""
        return dict(part(self.manifest, "status"))


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """Reads one kind by its model."""

    model: type[M]

    def parse(self, body: bytes) -> Stored[M]:
        """From the API's JSON."""
        manifest = _objects.decode(body)
        return Stored(manifest, self.model.stored(manifest))

    def misread(self, manifest: Manifest, problem: str) -> Stored[M]:
        """One that isn't understood."""
        return Stored(manifest, None, problem)
