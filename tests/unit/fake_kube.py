"""An API server in this process, as far as Penstock's own Kube speaks to one: everything but the network is the real
thing. It honours JSON patch with `test`, merge patch, apply, replacement, preconditions of deletes, resourceVersions,
paged lists, watches, status as a subresource, generations, and of a Task's schema what protects its status."""

from __future__ import annotations

import asyncio
import copy
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from penstock.clock import ServerClock
from penstock.errors import ApiRefused, NotConnected, PenstockError
from penstock.kube import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, Kube, Manifest, Resource
from penstock.report import moment
from penstock.resources.task import FINAL, TaskStatus
from penstock.status import Phase

WITHOUT_GENERATION = ("secrets", "serviceaccounts", "rolebindings", "pods", "leases")
PAGE = 2  # small, so that every list of a test has pages


class Place(NamedTuple):
    """Where a request points to."""

    collection: str
    plural: str
    namespace: str
    name: str
    subresource: str


class FakeKube(Kube):
    """`tell` calls back on every change, `refuse` may fail a request before it counts, `requests` tells of all."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.host = "https://fake"
        self.guard = lambda: None
        self.clock = ServerClock(clock)
        self.requests: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], PenstockError | None] = lambda _method, _path: None
        self.closed = False
        self._clock = clock
        self._objects: dict[tuple[str, str], Manifest] = {}
        self._watchers: defaultdict[str, list[Callable[[str, Manifest], None]]] = defaultdict(list)
        self._numbers = 0
        self._version = 0
        self._history: list[tuple[int, str, str, Manifest]] = []  # version, collection, type, object
        self._happened = asyncio.Event()
        self.cut = asyncio.Event()  # set: watches break
        self.over = False  # true: the next watch to be asked ends in good order, as after its timeoutSeconds

    # --- for tests ------------------------------------------------------------------------------------------------

    def tell(self, resource: Resource, told: Callable[[str, Manifest], None]) -> None:
        """Call `told` with ADDED, MODIFIED or DELETED and the object."""
        self._watchers[resource.plural].append(told)

    def stored(self, resource: Resource, namespace: str | None = None) -> list[Manifest]:
        """All objects of a kind, oldest first."""
        prefix = resource.path(namespace)
        return [
            copy.deepcopy(body)
            for (collection, _), body in self._objects.items()
            if (collection == prefix if namespace else collection.endswith(f"/{resource.plural}"))
        ]

    def the(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """One object, which must be there."""
        return copy.deepcopy(self._objects[resource.path(namespace), name])

    def mark_deleted(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object that a finalizer keeps."""
        place = _place(resource.path(namespace, name))
        body = copy.deepcopy(self._existing(place))
        body["metadata"]["deletionTimestamp"] = moment(self._clock())
        self._save(place, self._existing(place), body, dry_run=False)

    def vanish(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object without a word to the watchers, as happens between two watches."""
        del self._objects[resource.path(namespace), name]

    def twin(self) -> FakeKube:
        """Another connection to the same server."""
        twin = copy.copy(self)
        twin.guard = lambda: None
        return twin

    def compact(self) -> None:
        """Forget all history, as etcd does after a while: older versions are gone."""
        self._history = [(self._version, "", "COMPACTED", {})]

    def written(self, method: str, plural: str) -> int:
        """How many requests of a method concerned a kind."""
        return sum(m == method and f"/{plural}" in path for m, path in self.requests)

    # --- the server -----------------------------------------------------------------------------------------------

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """See Kube."""
        if method != "GET":
            self.guard()
        self.requests.append((method, path))
        if (refusal := self.refuse(method, path)) is not None:
            raise refusal
        return msgspec.json.encode(self._answer(method, path, dict(query or {}), body, content_type))

    def _answer(self, method: str, path: str, asked: dict[str, str], body: object, content_type: str) -> Manifest:
        place = _place(path)
        match method:
            case "GET":
                return copy.deepcopy(self._existing(place)) if place.name else self._list(path, asked)
            case "POST":
                assert isinstance(body, dict)
                return self._create(place, body, dry_run="dryRun" in asked)
            case "DELETE":
                assert isinstance(body, dict)
                return self._delete(place, body)
            case "PATCH":
                return self._patch(place, body, content_type, dry_run="dryRun" in asked)
            case "PUT":
                assert isinstance(body, dict)
                old = self._existing(place)
                _check_version(old, body)
                return self._save(place, old, copy.deepcopy(body), dry_run=False)
        raise AssertionError(f"the fake doesn't know {method}")

    async def lines(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[Sequence[bytes], None]:
        """See Kube."""
        self.requests.append(("WATCH", path))
        if (refusal := self.refuse("WATCH", path)) is not None:
            raise refusal
        version = int(query["resourceVersion"])
        while True:
            if self._history and self._history[0][2] == "COMPACTED" and version < self._history[0][0]:
                yield [msgspec.json.encode({"type": "ERROR", "object": {"code": 410, "message": "too old"}})]
                return
            later = (one for one in self._history if one[0] > version)
            news = [one for one in later if _within(one[1], path) and _selected(one[3], query)]
            version = self._version
            if news:
                yield [msgspec.json.encode({"type": type, "object": body}) for _, _, type, body in news]
            if self.cut.is_set():
                raise NotConnected("the watch was cut")
            if self.over:
                self.over = False
                return
            self._happened.clear()
            await self._happened.wait()

    def break_watches(self) -> None:
        """End them without a word."""
        self.cut.set()
        self._happened.set()

    def end_watch(self) -> None:
        """End one as after its timeoutSeconds."""
        self.over = True
        self._happened.set()

    async def close(self) -> None:
        """See Kube."""
        self.closed = True

    def _existing(self, place: Place) -> Manifest:
        found = self._objects.get((place.collection, place.name))
        if found is None:
            raise ApiRefused(404, "NotFound", f"{place.plural} {place.name!r} not found")
        return found

    def _list(self, path: str, query: Mapping[str, str]) -> Manifest:
        plural = path.rsplit("/", 1)[-1]
        wanted = [
            body
            for (collection, _), body in self._objects.items()
            if (collection == path if "/namespaces/" in path else collection.endswith(f"/{plural}"))
            and _selected(body, query)
        ]
        first = int(query.get("continue", "0"))
        page, rest = wanted[first : first + PAGE], wanted[first + PAGE :]
        return {
            "items": copy.deepcopy(page),
            "metadata": {"resourceVersion": str(self._version), "continue": str(first + PAGE) if rest else ""},
        }

    def _create(self, place: Place, body: Manifest, *, dry_run: bool) -> Manifest:
        name = str(body["metadata"]["name"])
        if (place.collection, name) in self._objects:
            raise ApiRefused(409, "AlreadyExists", f"{place.plural} {name!r} already exists")
        return self._save(place._replace(name=name), None, self._born(place, body), dry_run=dry_run)

    def _born(self, place: Place, body: Manifest) -> Manifest:
        self._numbers += 1
        born = copy.deepcopy(body)
        born["metadata"] |= {
            "namespace": place.namespace,
            "uid": f"00000000-0000-0000-0000-{self._numbers:012x}",
            "creationTimestamp": moment(self._clock()),
        }
        if place.plural not in WITHOUT_GENERATION:
            born["metadata"]["generation"] = 1
        if place.plural in ("tasks", "taskbatches"):
            born.setdefault("status", {"phase": "Pending", "observedGeneration": -1})
            born["spec"].setdefault("run", 1)
        return born

    def _delete(self, place: Place, options: Manifest) -> Manifest:
        found = self._existing(place)
        uid = options.get("preconditions", {}).get("uid")
        if uid is not None and uid != found["metadata"]["uid"]:
            raise ApiRefused(409, "Conflict", f"the UID in the precondition ({uid}) isn't the object's")
        del self._objects[place.collection, place.name]
        self._version += 1
        self._tell(place, "DELETED", found)
        return {"kind": "Status", "status": "Success"}

    def _patch(self, place: Place, body: object, content_type: str, *, dry_run: bool) -> Manifest:
        if content_type == APPLY_PATCH and (place.collection, place.name) not in self._objects:
            assert isinstance(body, dict)
            return self._save(place, None, self._born(place, body), dry_run=dry_run)
        old = self._existing(place)
        if content_type == JSON_PATCH:
            assert isinstance(body, list)
            new = json_patch(old, body)
        else:
            assert isinstance(body, dict)
            assert content_type in (MERGE_PATCH, APPLY_PATCH)
            _check_version(old, body)
            new = merge_patch(old, body)
        if place.subresource == "status":  # nothing but the status is taken over
            new = {**copy.deepcopy(old), "status": new.get("status")}
        elif place.plural in ("tasks", "taskqueues", "workerpools", "taskbatches"):
            new = {**new, "status": copy.deepcopy(old.get("status"))}
        return self._save(place, old, new, dry_run=dry_run)

    def _save(self, place: Place, old: Manifest | None, new: Manifest, *, dry_run: bool) -> Manifest:
        if place.plural == "tasks":
            _check_status(old, new)
        if old is not None and old.get("spec") != new.get("spec") and "generation" in old["metadata"]:
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        if not dry_run:
            if new != old:
                self._version += 1
                new["metadata"]["resourceVersion"] = str(self._version)
            self._objects[place.collection, place.name] = new
            if new != old:
                self._tell(place, "MODIFIED" if old else "ADDED", new)
        return copy.deepcopy(new)

    def _tell(self, place: Place, type: str, body: Manifest) -> None:
        self._history.append((self._version, place.collection, type, copy.deepcopy(body)))
        self._happened.set()
        for told in self._watchers[place.plural]:
            told(type, copy.deepcopy(body))


def json_patch(document: Manifest, operations: Sequence[Manifest]) -> Manifest:
    """RFC 6902, without `move` and `copy`. A `test` that fails is refused with 422."""
    patched = copy.deepcopy(document)
    for operation in operations:
        *way, last = str(operation["path"]).removeprefix("/").split("/")
        holder: Any = patched
        for step in way:
            holder = (holder[int(step)] if isinstance(holder, list) else holder.get(step)) or {}
        match operation["op"]:
            case "test":
                if holder.get(last) != operation["value"]:
                    raise ApiRefused(422, "Invalid", f"testing value {operation['path']} failed")
            case "add" | "replace":
                holder[last] = copy.deepcopy(operation["value"])
            case "remove":
                del holder[last]
            case other:
                raise AssertionError(f"the fake doesn't know the operation {other}")
    return patched


def merge_patch(document: Manifest, change: Manifest) -> Manifest:
    """RFC 7396."""
    merged = copy.deepcopy(document)
    for field, value in change.items():
        if value is None:
            merged.pop(field, None)
        elif isinstance(value, dict):
            below = merged.get(field)
            merged[field] = merge_patch(below if isinstance(below, dict) else {}, value)
        else:
            merged[field] = copy.deepcopy(value)
    return merged


def _check_status(old: Manifest | None, new: Manifest) -> None:
    try:
        TaskStatus.model_validate(new["status"])
    except ValidationError as error:
        raise ApiRefused(422, "Invalid", str(error)) from error
    if old is None:
        return
    before, after = old["status"], new["status"]
    if after.get("run", 1) < before.get("run", 1):
        raise ApiRefused(422, "Invalid", "status.run may only grow")
    final = Phase(before["phase"]).terminal and after.get("run", 1) == before.get("run", 1)
    if final and any(after.get(field) != before.get(field) for field in FINAL):
        raise ApiRefused(422, "Invalid", f"status.{FINAL} are final for this run")


def _check_version(old: Manifest, new: Manifest) -> None:
    version = new.get("metadata", {}).get("resourceVersion")
    if version is not None and version != old["metadata"]["resourceVersion"]:
        raise ApiRefused(
            409, "Conflict", "the object has been modified; please apply your changes to the latest version"
        )


def _within(collection: str, path: str) -> bool:
    """Whether a namespace's collection is the one of a path, or part of the whole cluster's."""
    return collection == path or (collection.endswith("/" + path.rsplit("/", 1)[-1]) and "/namespaces/" not in path)


def _selected(body: Manifest, query: Mapping[str, str]) -> bool:
    fields = [field.split("=") for field in filter(None, query.get("fieldSelector", "").split(","))]
    if any(_field(body, path) != value for path, value in fields):
        return False
    labels = body["metadata"].get("labels") or {}
    pairs = [pair.partition("=") for pair in filter(None, query.get("labelSelector", "").split(","))]
    return all(key in labels and (not equals or labels[key] == value) for key, equals, value in pairs)


def _field(body: Any, path: str) -> object:
    for name in path.split("."):
        body = body.get(name, {})
    return body


def _place(path: str) -> Place:
    parts = path.strip("/").split("/")
    below = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if below[0] == "namespaces" and len(below) > 2:
        namespace, below = below[1], below[2:]
    plural, name, subresource = [*below, "", ""][:3]
    collection = "/" + "/".join(parts[: len(parts) - len(below) + 1])
    return Place(collection, plural, namespace, name, subresource)
