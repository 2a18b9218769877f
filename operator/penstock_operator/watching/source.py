"""What is watched: where it is, how one is read, and who is told."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec

from penstock.codec import complaint
from penstock.kube import Manifest
from penstock.shallow import CUT, decode_shallow

__all__ = ["Item", "Kind", "Listener", "Source", "problem_of"]

TOO_DEEP = "it is nested too deep to be read: 100 levels of lists and objects are enough, so pass a reference instead"
_WHERE = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.DOTALL)  # as msgspec tells of a place
_objects = msgspec.json.Decoder(Manifest)


class Item(Protocol):
    """What an informer must know of an object."""

    @property
    def uid(self) -> str:
        """Tells namesakes apart."""
        ...


T = TypeVar("T", bound=Item)
T_contra = TypeVar("T_contra", bound=Item, contravariant=True)
T_co = TypeVar("T_co", bound=Item, covariant=True)


class Listener(Protocol[T_contra]):
    """Whom an informer tells."""

    def seen(self, item: T_contra, /) -> None:
        """It was added or changed, or is just there."""

    def gone(self, uid: str, /) -> None:
        """It was deleted."""

    def uids(self, namespace: str | None, /) -> Collection[str]:
        """Of all that was seen in a namespace (None: in all) and isn't gone."""
        ...


class Kind(Protocol[T_co]):
    """How an object is read."""

    def parse(self, body: bytes, /) -> T_co:
        """From the API's JSON. It may raise anything: a newer schema has let it in, or it is hostile."""
        ...

    def misread(self, manifest: Manifest, problem: str, /) -> T_co:
        """An item all the same, of what can be read of it and of what is wrong: who hears of it can tell its user."""
        ...


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """Where the objects are, and how one is read."""

    path: str
    kind: Kind[T]
    namespace: str | None = None
    selectors: dict[str, str] = field(default_factory=dict)

    def read(self, body: bytes) -> T:
        """One object. Never raises for what it holds."""
        try:
            if CUT in body:  # what is left of one that was too deep for its page
                raise RecursionError
            return self.kind.parse(body)
        except Exception as error:
            return self.kind.misread(decode_shallow(_objects, body), problem_of(error))


def problem_of(error: Exception) -> str:
    """One line that names the field, where that is known."""
    if isinstance(error, RecursionError):
        return TOO_DEEP
    said = " ".join(complaint(error).split())
    found = _WHERE.match(said)
    return f"{found[2]}: {found[1]}" if found else said
