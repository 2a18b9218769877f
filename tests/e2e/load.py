"""Tasks that are created one after another, whatever is down meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tests.e2e.api import Manifest, Tasks, Unreachable
from tests.e2e.witness import Run
from tests.waiting import wait_sync

CREATORS = 8
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 180.0


class Load:
    """So many Tasks a second from the moment it is made, each created until it is."""

    def __init__(self, tasks: Tasks, names: list[str], spec: Manifest, per_second: float) -> None:
        self.names = names
        self._tasks = tasks
        self._began = time.monotonic()
        self._pause = threading.Event()  # never set: to wait on
        self._pool = ThreadPoolExecutor(CREATORS, "load")
        self._made: list[Future[Run]] = [
            self._pool.submit(self._create, name, spec, number / per_second) for number, name in enumerate(names)
        ]

    @property
    def done(self) -> bool:
        """Whether all are created, or will never be."""
        return all(one.done() for one in self._made)

    @property
    def created(self) -> int:
        """How many there are by now."""
        return sum(one.done() for one in self._made)

    def runs(self) -> list[Run]:
        """All of them, once they are created. Raises what kept one from it."""
        runs = [one.result() for one in self._made]
        self._pool.shutdown()
        return runs

    def reach(self, count: float) -> None:
        """Return when so many are created."""
        wait_sync(lambda: self.created >= count, f"{count:g} Tasks to be created", patience=PATIENCE_SECONDS)

    def beats(self, seconds: float) -> Iterator[None]:
        """Every so many seconds, for as long as Tasks are being created."""
        while wait(self._made, seconds).not_done:
            yield

    def stop(self) -> None:
        """Create no more."""
        self._pool.shutdown(cancel_futures=True)

    def _create(self, name: str, spec: Manifest, at: float) -> Run:
        self._pause.wait(max(0.0, self._began + at - time.monotonic()))
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return (self._tasks.create(name, spec)["metadata"]["uid"], 1)
            except Unreachable:
                if time.monotonic() > until:
                    raise
                self._pause.wait(PAUSE_SECONDS)
