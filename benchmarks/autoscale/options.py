"""What the command line asks for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.autoscale.patterns.catalogue import PATTERNS
from benchmarks.autoscale.scalers.contestants import CONTESTANTS
from benchmarks.peers.choices import SomeOf, count

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """One run's. `seeds`: how many, from 0 on."""

    patterns: tuple[str, ...] = tuple(PATTERNS)
    scalers: tuple[str, ...] = tuple(CONTESTANTS)
    seeds: int = 5

    @property
    def is_full(self) -> bool:
        """Whether what comes out may stand for it in the documentation."""
        return self.patterns == tuple(PATTERNS) and self.scalers == tuple(CONTESTANTS) and self.seeds >= Options.seeds

    @classmethod
    def parse(cls, words: Sequence[str] | None = None) -> Options:
        """From the command line; exits with its help where that can't be followed."""
        found = _parser().parse_args(words)
        return cls(found.patterns, found.scalers, found.seeds)


def _parser() -> argparse.ArgumentParser:
    what = "\n".join(f"  {name:8} {pattern.title}" for name, pattern in PATTERNS.items())
    parser = argparse.ArgumentParser(
        "python -m benchmarks.autoscale",
        description="Penstock's scaling policy beside models of KEDA and HPA, simulated.",
        epilog=f"patterns:\n{what}\n\nscalers:\n  {', '.join(CONTESTANTS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = Options()
    parser.add_argument("--patterns", type=SomeOf(PATTERNS), default=defaults.patterns, help="with commas")
    parser.add_argument("--scalers", type=SomeOf(CONTESTANTS), default=defaults.scalers, help="with commas")
    parser.add_argument("--seeds", type=count, default=defaults.seeds, help="runs of each (%(default)s)")
    return parser
