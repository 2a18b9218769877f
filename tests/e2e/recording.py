"""What the API server told of some objects, each time with the moment that it was heard."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from tests.e2e.api import Denied, Manifest, Objects, Unreachable

WATCH_SECONDS = 60
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Sighting:
    """An object as it was at that moment (Unix time). `type`: ADDED, MODIFIED or DELETED."""

    at: float
    type: str
    body: Manifest

    @property
    def name(self) -> str:
        """The object's."""
        return str(self.body["metadata"]["name"])


@dataclass(eq=False)
class Recording:
    """Of a watch, between `with` and its end."""

    objects: Objects
    sightings: list[Sighting] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _listed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Recording:
        threading.Thread(target=self._run, name=f"recording {self.objects.plural}", daemon=True).start()
        assert self._listed.wait(30), f"can't list {self.objects.plural}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()  # it notices with its watch's next event or end, which nobody need wait for

    def of(self, name: str) -> list[Sighting]:
        """Of one object, in order."""
        return [sighting for sighting in list(self.sightings) if sighting.name == name]

    def last(self, name: str) -> Manifest:
        """An object as it is now, as far as is known."""
        return self.of(name)[-1].body

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow(self._list())
            except (Unreachable, Denied):  # denied: 410, or the namespace is being deleted
                self._over.wait(PAUSE_SECONDS)

    def _list(self) -> str:
        """What is there is told again as ADDED, and what isn't any more as DELETED."""
        found = self.objects.list()
        items = {item["metadata"]["uid"]: item for item in found["items"] or ()}
        for sighting in {seen.body["metadata"]["uid"]: seen for seen in self.sightings}.values():
            if sighting.type != "DELETED" and sighting.body["metadata"]["uid"] not in items:
                self._take("DELETED", sighting.body)
        for item in items.values():
            self._take("ADDED", item)
        self._listed.set()
        return str(found["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        """Watch, again and again from where the last one ended."""
        while not self._over.is_set():
            for type, body in self.objects.watch(version, WATCH_SECONDS):
                if self._over.is_set() or type == "ERROR":
                    return
                self._take(type, body)
                version = str(body["metadata"]["resourceVersion"])

    def _take(self, type: str, body: Manifest) -> None:
        self.sightings.append(Sighting(time.time(), type, body))
