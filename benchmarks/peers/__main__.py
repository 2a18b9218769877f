"""`python -m benchmarks.peers`: measure, keep, draw and tell. A bar that is missed doesn't fail it."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator, Mapping

import redis
from benchmarks.peers import drain, latency, notes, plots, record, table
from benchmarks.peers.bars import judge
from benchmarks.peers.environment import Environment, make
from benchmarks.peers.figures import Row, collect
from benchmarks.peers.options import Options
from benchmarks.peers.plan import Case, bounded, order
from benchmarks.peers.process import Failed
from benchmarks.peers.record import Machine, Run


def measure(options: Options, environments: Mapping[str, Environment]) -> Iterator[Row]:
    """All rounds, each in an order of its own; tells of each measurement as it goes."""
    dice, rates = random.Random(options.seed), dict[str, float]()
    for number in range(1, options.rounds + 1):
        for planned in order(options, dice):
            case = bounded(planned, rates.get(planned.system))
            began = time.monotonic()
            row = _row(number, case, environments[case.system])
            if case.is_base and (rate := row.figures().get("drain 1")):
                rates[case.system] = rate
            _tell(row, time.monotonic() - began)
            yield row


def _row(number: int, case: Case, environment: Environment) -> Row:
    take = latency.measure if case.function == "latency" else drain.measure
    try:
        return Row(number, case, take(case, environment))
    # Whatever it was: hours of other measurements mustn't be lost with this one.
    except (Failed, OSError, ValueError, subprocess.SubprocessError, redis.RedisError) as error:
        return Row(number, case, error=f"{type(error).__name__}: {error}")


def _tell(row: Row, seconds: float) -> None:
    found = ", ".join(f"{name} {value:.4g}" for name, value in row.figures().items())
    print(f"  {row.round}  {row.case.title}: {found or row.error}  [{seconds:.0f} s]", flush=True)


def main() -> None:
    """Measure, keep, draw and tell."""
    options = Options.parse()
    print(f"seed {options.seed}; {', '.join(options.only)} of {', '.join(options.systems)}", flush=True)
    environments = {system: make(system, options.source) for system in options.systems}
    machine = Machine.here()
    rows = list(measure(options, environments))
    figures = collect(rows)
    packages = {system: environment.packages for system, environment in environments.items()}
    _report(Run(options, machine, packages, rows, figures, judge(figures, cores=machine.cores)))


def _report(run: Run) -> None:
    print()
    for text in table.tables(run.figures):
        print(text)
    print(table.aligned([(bar.verdict, bar.wanted, bar.measured) for bar in run.bars], left=3))
    for note in notes.notes(run.rows, run.options):
        print(f"  {note}")
    folder = plots.FOLDER if run.options.is_full else record.OUT.parent / "plots"
    print("\nwritten:", *map(str, [record.write(run), *plots.write(run.figures, folder)]))


if __name__ == "__main__":
    main()
