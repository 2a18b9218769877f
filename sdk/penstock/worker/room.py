"""Where functions run that aren't coroutines, and what the app adds to all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.extensions import Extensions
from penstock.worker import databases
from penstock.worker.pool import Pool
from penstock.worker.processes import Processes

__all__ = ["Room"]


@dataclass(slots=True)
class Room:
    """Threads and processes for one kind of work. Broadcasts have a room of their own, so they take no task's place."""

    threads: Pool
    processes: Processes
    extensions: Extensions = field(default_factory=Extensions)

    @classmethod
    def of(cls, places: int, extensions: Extensions, threads: Pool | str) -> Room:
        """For so many calls at a time. `threads`: how its own are called, or others' that it uses."""
        pool = databases.Threads(places, threads) if isinstance(threads, str) else threads
        return cls(pool, Processes(places), extensions)

    def shut(self) -> None:
        """Let its threads end, each with what it runs now."""
        self.threads.shutdown(wait=False, cancel_futures=True)
