"""`python -m benchmarks.autoscale`: simulate, keep, draw and tell. A bar that is missed doesn't fail it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from benchmarks.autoscale import page, plots, record, table
from benchmarks.autoscale.bars import Table, judge
from benchmarks.autoscale.figures import Figures, spread
from benchmarks.autoscale.options import Options
from benchmarks.autoscale.record import Record
from benchmarks.autoscale.run import Outcome, run
from benchmarks.peers.table import aligned


def measure(options: Options) -> list[Outcome]:
    """All runs, as many at once as there are cores."""
    asked = list(product(options.patterns, options.scalers, range(options.seeds)))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(run, *zip(*asked, strict=True)))


def collect(outcomes: Iterable[Outcome]) -> Table:
    """All seeds together."""
    found: defaultdict[str, defaultdict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    for one in outcomes:
        found[one.pattern][one.scaler].append(one.figures)
    return {pattern: {scaler: spread(runs) for scaler, runs in scalers.items()} for pattern, scalers in found.items()}


def main() -> None:
    """Simulate, keep, draw and tell."""
    options = Options.parse()
    outcomes = measure(options)
    found = collect(outcomes)
    _report(Record(options, outcomes, found, judge(found)))


def _report(what: Record) -> None:
    for text in table.tables(what.table):
        print(text)
    print(aligned([(bar.verdict, bar.wanted, bar.measured) for bar in what.bars], left=3))
    print("\nwritten:", *map(str, _written(what)))


def _written(what: Record) -> list[Path]:
    """What the documentation shows is renewed by full runs alone."""
    if not what.options.is_full:
        return [record.write(what), *plots.write(what.outcomes, record.OUT.parent / "plots")]
    return [record.write(what), *plots.write(what.outcomes), *page.renew(what.table, what.bars)]


if __name__ == "__main__":
    main()
