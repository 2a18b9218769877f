"""One fault: Tasks created through it, watched by a witness, and judged in the end."""

from __future__ import annotations

import time
from types import TracebackType
from uuid import uuid4

from tests.e2e.api import Manifest, Tasks
from tests.e2e.broker_records import evidence
from tests.e2e.kubectl import Kubectl
from tests.e2e.load import Load
from tests.e2e.witness import Findings, Run, Witness, findings
from tests.waiting import outlast, wait_sync

QUIET_SECONDS = 3.0  # after the last end, for a second one


class Trial:
    """Use as `with`. `emptied` is to be set where the broker loses what it has recorded."""

    def __init__(self, pool: Kubectl, tasks: Tasks, fault: str) -> None:
        self.fault = fault
        self.emptied = False
        self.tasks = tasks
        self._pool = pool
        self._witness = Witness(tasks)
        self._loads: list[Load] = []
        self._wanted: list[Load] = []
        self._began = time.monotonic()

    def __enter__(self) -> Trial:
        self._witness.__enter__()
        return self

    def __exit__(self, type: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for load in self._loads:
            load.stop()
        self._witness.__exit__(type, error, at)
        if error is None:  # else they are looked at
            self.tasks.delete_all()

    def create(self, count: int, *, per_second: float = 100.0, seconds: float = 0.0, **spec: object) -> Load:
        """Have so many Tasks created that run for so long."""
        load = self._load(count, per_second, {"args": [seconds], **spec})
        self._wanted.append(load)
        return load

    def create_aside(self, count: int, **spec: object) -> Load:
        """The same of such as needn't end, for they will be deleted."""
        return self._load(count, 100.0, spec)

    def _load(self, count: int, per_second: float, spec: Manifest) -> Load:
        prefix = uuid4().hex[:6]
        names = [f"{prefix}-{number}" for number in range(count)]
        load = Load(self.tasks, names, {"task": "e2e.noted", **spec}, per_second)
        self._loads.append(load)
        return load

    def all_ended(self, load: Load) -> bool:
        """Whether these are created and have ended."""
        return load.done and self._witness.ended(runs := load.runs()) == len(runs)

    def ended(self, load: Load) -> int:
        """How many of these have ended. They must be created."""
        return self._witness.ended(load.runs())

    def statuses(self, load: Load) -> list[Manifest]:
        """How these ended."""
        return [self._witness.seen.outcomes[run][-1] for run in load.runs()]

    def phases(self, load: Load) -> set[str]:
        """What the resources of these say now, as far as they are there."""
        standing = self._witness.seen.standing
        return {standing[run].get("phase", "Pending") for run in load.runs() if run in standing}

    def left(self, load: Load) -> list[str]:
        """The phases in which the broker keeps these, as far as it does."""
        return [record.phase for record in evidence(self._pool, load.runs()).records.values()]

    def findings(self, *, patience: float) -> Findings:
        """Wait for all to end, or no longer, and judge. Look once more a moment later, for a second end."""
        try:
            wait_sync(lambda: all(map(self.all_ended, self._wanted)), "every Task to end", patience=patience)
        except AssertionError as late:
            print(late)  # the findings say of which kind
        wanted: list[Run] = [run for load in self._wanted for run in load.runs()]
        seconds = time.monotonic() - self._began
        outlast(QUIET_SECONDS, "a moment in which nothing may change")
        found = evidence(self._pool, wanted, emptied=self.emptied)
        return findings(self.fault, seconds, wanted, self._witness.seen, found)
