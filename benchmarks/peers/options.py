"""What the command line asks for."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.choices import SomeOf, count
from benchmarks.peers.systems import SYSTEMS

__all__ = ["MEASUREMENTS", "Options"]

MEASUREMENTS = {
    "enqueue": "how fast no-ops are queued in bulk",
    "drain": "how fast one worker process works them off, results stored",
    "scale": "the same by 2 to 16 processes; Penstock's also with tasks of 1 ms CPU",
    "latency": "enqueue to start at 200/s and 2,000/s; enqueue to result, one after another",
    "sleep": "tasks that sleep for a second, against the ideal; async systems",
    "memory": "the worker's after the drain, and Redis' for each queued task",
    "tracing": "Penstock's drain with every trace and with 1 % sampled, and whether all spans arrived",
    "ceiling": "Penstock's two processes against what the costs of worker and Redis allow",
    "default": "no-ops at each system's default concurrency",
    "arguments": "tasks with three keyword arguments and a small dict as result, at the default concurrency",
    "model": "tasks that take and return a pydantic model, at the default concurrency; systems that know them",
    "thread": "plain functions that do nothing, at the default concurrency; systems that run them in threads",
    "backlog": "a backlog of 50 times the tasks by one Penstock process, against the rate of a small one",
}


@dataclass(frozen=True)
class Options:
    """One run's. `source` is the Penstock to install."""

    only: tuple[str, ...] = tuple(MEASUREMENTS)
    systems: tuple[str, ...] = tuple(SYSTEMS)
    rounds: int = 3
    tasks: int = 20_000
    concurrency: int = 100
    seed: int = 0
    source: Path = Path()

    @property
    def is_full(self) -> bool:
        """Whether what is measured may stand for it in the documentation: a part would show some systems alone."""
        whole = self.only == tuple(MEASUREMENTS) and self.systems == tuple(SYSTEMS)
        return whole and self.concurrency == Options.concurrency and self.rounds >= 3 and self.tasks >= 20_000

    @classmethod
    def parse(cls, words: Sequence[str] | None = None) -> Options:
        """From the command line; exits with its help where that can't be followed."""
        found = _parser().parse_args(words)
        return cls(
            found.only, found.systems, found.rounds, found.tasks, found.concurrency, found.seed, found.source.resolve()
        )


def _parser() -> argparse.ArgumentParser:
    what = "\n".join(f"  {name:9} {text}" for name, text in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        "python -m benchmarks.peers",
        description="Penstock beside other Python task queues, on this machine.",
        epilog=f"measurements:\n{what}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = Options()
    parser.add_argument("--only", type=SomeOf(MEASUREMENTS), default=defaults.only, help="measurements, with commas")
    parser.add_argument("--systems", type=SomeOf(SYSTEMS), default=defaults.systems, help="with commas")
    parser.add_argument("--rounds", type=count, default=defaults.rounds, help="medians are over these (%(default)s)")
    parser.add_argument("--tasks", type=count, default=defaults.tasks, help="queued and drained (%(default)s)")
    parser.add_argument("--concurrency", type=count, default=defaults.concurrency, help="of a process (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the order")
    parser.add_argument("--source", type=Path, default=defaults.source, help="the Penstock to install: a checkout")
    return parser
