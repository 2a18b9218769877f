"""What the command line asks for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["STAGES", "Options", "Sizes"]

STAGES = {
    "raw": "(a) the API server alone: create and one status patch, no operator there",
    "sustained": "(b) Tasks from creation to Complete, many at once",
    "jobs": "(c) Kubernetes Jobs of a container that ends at once",
    "latency": "(d) single Tasks, one after another",
    "live": "(e) the operator beside 5,000, 20,000 and 50,000 live Tasks",
    "batch": "(f) a TaskBatch of 100,000 items",
}


@dataclass(frozen=True)
class Sizes:
    """How many of everything."""

    raw: int = 3_000
    sustained: int = 8_000
    jobs: int = 24
    latency: int = 200
    levels: tuple[int, ...] = (5_000, 20_000, 50_000)
    batch: int = 100_000
    workers: int = 1


QUICK = Sizes(raw=500, sustained=500, jobs=4, latency=40, levels=(500, 1_000), batch=2_000)


@dataclass(frozen=True)
class Options:
    """One run's."""

    only: tuple[str, ...] = tuple(STAGES)
    sizes: Sizes = Sizes()

    @property
    def is_full(self) -> bool:
        """Whether what is measured may stand in the documentation."""
        return self == Options()

    @classmethod
    def parse(cls, words: Sequence[str] | None = None) -> Options:
        """From the command line; exits with its help where that can't be followed."""
        found = _parser().parse_args(words)
        sizes = QUICK if found.quick else Sizes()
        return cls(found.only, replace(sizes, levels=found.levels) if found.levels else sizes)


def _parser() -> argparse.ArgumentParser:
    stages = "\n".join(f"  {name:10} {text}" for name, text in STAGES.items())
    parser = argparse.ArgumentParser(
        "python -m benchmarks.capacity",
        description="What the way through resources can do, on the cluster of KUBECONFIG with the demo on it.",
        epilog=f"stages:\n{stages}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=_some, default=tuple(STAGES), help="stages or their letters, with commas")
    parser.add_argument("--quick", action="store_true", help="few of everything: whether it works, not how fast")
    parser.add_argument("--levels", type=_numbers, help="how many live Tasks, with commas, instead of the usual")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers between commas."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: use whole numbers with commas, such as 5000,20000") from None


def _some(text: str) -> tuple[str, ...]:
    """The stages between commas, by name or letter, in their own order."""
    letters = dict(zip("abcdefghijk", STAGES, strict=False))
    asked = {letters.get(word.strip(), word.strip()) for word in text.split(",")}
    if unknown := asked - set(STAGES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: use some of {', '.join(STAGES)}, or a to f")
    return tuple(name for name in STAGES if name in asked)
