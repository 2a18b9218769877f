"""All Tasks that aren't deleted, and who depends on whom. Holds and finds, decides nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

from penstock_operator.admission.decisions import Parent
from penstock_operator.admission.view import TaskView
from penstock_operator.api import Key

__all__ = ["Index"]


class Index:
    """Views by key and by uid, and the reverse of dependsOn."""

    def __init__(self) -> None:
        self._views: dict[Key, TaskView] = {}
        self._keys: dict[str, Key] = {}  # by uid
        self._dependents: defaultdict[Key, set[Key]] = defaultdict(set)
        self._queues: Counter[Key] = Counter()  # how many Tasks each has
        self._misread: set[Key] = set()

    def put(self, view: TaskView) -> TaskView | None:
        """Keep the latest look at a Task; the one before, which may be of a namesake."""
        key = view.key
        before = self._views.get(key)
        if before is not None:
            self._unlink(before)
        self._views[key] = view
        self._keys[view.uid] = key
        self._queues[view.ref.namespace, view.queue] += 1
        if view.problem:
            self._misread.add(key)
        for parent in view.spec.depends_on:
            self._dependents[view.ref.namespace, parent.name].add(key)
        return before

    def pop(self, uid: str) -> TaskView | None:
        """Forget a Task; what was kept of it."""
        key = self._keys.get(uid)
        if key is None:
            return None
        view = self._views.pop(key)
        self._unlink(view)
        return view

    def _unlink(self, view: TaskView) -> None:
        self._keys.pop(view.uid, None)
        self._misread.discard(view.key)
        queue = (view.ref.namespace, view.queue)
        self._queues[queue] -= 1
        if not self._queues[queue]:
            del self._queues[queue]
        for parent in view.spec.depends_on:
            place = (view.ref.namespace, parent.name)
            self._dependents[place].discard(view.key)
            if not self._dependents[place]:
                del self._dependents[place]

    def get(self, key: Key) -> TaskView | None:
        """The Task of that namespace and name."""
        return self._views.get(key)

    def of(self, uid: str) -> TaskView | None:
        """The Task of that uid."""
        key = self._keys.get(uid)
        return None if key is None else self._views[key]

    def has(self, uid: str) -> bool:
        """Whether it is kept."""
        return uid in self._keys

    def uids(self, namespace: str | None = None) -> Collection[str]:
        """Of all Tasks, or of a namespace's."""
        if namespace is None:
            return self._keys.keys()
        return [uid for uid, key in self._keys.items() if key[0] == namespace]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._views)

    def views(self) -> Iterable[TaskView]:
        """All Tasks."""
        return self._views.values()

    def queues(self) -> Collection[Key]:
        """(namespace, queue) of all Tasks."""
        return self._queues.keys()

    def misread(self) -> Iterable[str]:
        """The namespaces of those that aren't understood, one for each."""
        return (namespace for namespace, _ in self._misread)

    def dependents(self, key: Key) -> Collection[Key]:
        """Those whose dependsOn names it."""
        return self._dependents.get(key, ())

    def awaited(self, key: Key) -> bool:
        """Whether one that depends on it hasn't ended."""
        return any(not self._views[dependent].finished for dependent in self.dependents(key))

    def parents(self, view: TaskView) -> list[Parent]:
        """Those that it depends on."""
        found = ((one, self._views.get((view.ref.namespace, one.name))) for one in view.spec.depends_on)
        return [
            Parent(one.name, one.on_failure, parent.phase if parent else None, _over(parent)) for one, parent in found
        ]

    def cycle(self, view: TaskView) -> list[str]:
        """The names on a way by dependsOn from a Task back to itself; empty if there is none. Also over those that have
        ended: all on it are told the same, whoever of them ends first."""
        namespace, start = view.key
        came: dict[str, str] = {}
        waiting = [start]
        while waiting:
            name = waiting.pop()
            at = self._views.get((namespace, name))
            for parent in at.spec.depends_on if at is not None else ():
                if parent.name == start:
                    return _way(came, name, start)
                if parent.name not in came:
                    came[parent.name] = name
                    waiting.append(parent.name)
        return []


def _over(parent: TaskView | None) -> bool:
    return parent is not None and parent.finished


def _way(came: dict[str, str], last: str, start: str) -> list[str]:
    way = [start, last]
    while way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]
