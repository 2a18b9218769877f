"""The memories of all namespaces of one server, and who is told when something comes to a queue that had nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from functools import partial

from penstock.broker.memory.bell import Bell
from penstock.broker.memory.state import Memory

__all__ = ["Memories"]


@dataclass(eq=False)
class _Watcher:
    """Who hears of namespaces' queues."""

    heard: deque[tuple[str, str]] = field(default_factory=deque)
    bell: Bell = field(default_factory=Bell)


class Memories:
    """One memory a namespace, made when it is first asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, Memory] = {}
        self._watchers: set[_Watcher] = set()

    def of(self, namespace: str) -> Memory:
        """The namespace's."""
        if namespace not in self._known:
            self._known[namespace] = Memory(self._clock, partial(self._woken, namespace))
        return self._known[namespace]

    def _woken(self, namespace: str, queue: str) -> None:
        for watcher in self._watchers:
            watcher.heard.append((namespace, queue))
            watcher.bell.ring()

    async def wakes(self) -> AsyncGenerator[tuple[str, str], None]:
        """Namespace and queue where something has come."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            while True:
                while watcher.heard:
                    yield watcher.heard.popleft()
                await watcher.bell.wait()
        finally:
            self._watchers.discard(watcher)
