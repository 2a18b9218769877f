"""Whether every Task ended, once, as the broker has it. A watch of its own keeps every terminal status that a Task's
resource ever showed; in the end it is compared with what the broker recorded and with what was executed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.e2e.api import Denied, Manifest, Tasks, Unreachable
from tests.e2e.kubectl import TERMINAL

Run = tuple[str, int]
"""(uid, run) of a Task."""

WATCH_SECONDS = 20
PAUSE_SECONDS = 0.2
SAME_TIME = 0.0015  # a resource tells milliseconds
# What may change after the end: that the status speaks of the spec's latest generation too.
ABOUT_THE_SPEC = {"observedGeneration", "conditions"}


@dataclass(frozen=True)
class Record:
    """What the broker knows of a run. `result` is JSON's value."""

    phase: str
    attempts: int = 0
    worker: str = ""
    finished_at: float | None = None
    result: Any = None

    def confirms(self, status: Manifest) -> bool:
        """Whether the resource says the same."""
        if self.finished_at is None or "finishedAt" not in status:
            return False
        finished = datetime.fromisoformat(status["finishedAt"]).timestamp()
        said = (status["phase"], status.get("attempts", 0), status.get("worker", ""), status.get("result"))
        same = said == (self.phase, self.attempts, self.worker, self.result)
        return same and abs(finished - self.finished_at) < SAME_TIME


@dataclass(frozen=True)
class Evidence:
    """What the broker has: a record for each run that it remembers, and "ID NONCE" of each execution. `emptied`: it
    was, so it needn't remember what ended before."""

    records: Mapping[Run, Record]
    notes: Sequence[str]
    emptied: bool = False


@dataclass(frozen=True)
class Findings:
    """What came of a fault: numbers of Tasks. Lost: neither the API server nor the broker will see it to its end.
    Stuck: it hasn't ended, and the broker knows it. Disagreed: the resource says what the broker doesn't."""

    fault: str
    tasks: int
    lost: int
    stuck: int
    settled_twice: int
    disagreed: int
    failed: int
    run_again: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether every promise was kept; running again is within them."""
        return not (self.lost or self.stuck or self.settled_twice or self.disagreed or self.failed)


@dataclass
class Sightings:
    """Every different terminal status that a run's resource has shown, and the last status of each that is there."""

    outcomes: dict[Run, list[Manifest]] = field(default_factory=dict)
    standing: dict[Run, Manifest] = field(default_factory=dict)

    def take(self, task: Manifest) -> None:
        """A Task as the API server has it now."""
        status = task.get("status", {})
        run = (task["metadata"]["uid"], status.get("run", 1))
        self.standing[run] = status
        outcomes = self.outcomes.setdefault(run, [])
        # A status that is open again after the end is as wrong as a second end.
        if (outcomes or status.get("phase") in TERMINAL) and _said(status) not in outcomes:
            outcomes.append(_said(status))

    def replace(self, tasks: Iterable[Manifest]) -> None:
        """All Tasks that there are; the others are gone."""
        self.standing.clear()
        for task in tasks:
            self.take(task)

    def gone(self, task: Manifest) -> None:
        """A Task was deleted."""
        for run in [run for run in self.standing if run[0] == task["metadata"]["uid"]]:
            del self.standing[run]


def _said(status: Manifest) -> Manifest:
    return {key: value for key, value in status.items() if key not in ABOUT_THE_SPEC}


def findings(fault: str, seconds: float, wanted: Collection[Run], seen: Sightings, evidence: Evidence) -> Findings:
    """Compare what was asked for with what was seen, and that with what the broker has."""
    ended = {run: seen.outcomes[run][-1] for run in wanted if seen.outcomes.get(run)}
    open_ones = [run for run in wanted if run not in ended]
    known = [run for run in open_ones if run in seen.standing and run in evidence.records]
    times = Counter(note.split()[0] for note in evidence.notes)
    return Findings(
        fault,
        len(wanted),
        lost=len(open_ones) - len(known),
        stuck=len(known),
        settled_twice=sum(len(outcomes) > 1 for outcomes in seen.outcomes.values()),
        disagreed=sum(not _agrees(run, status, evidence) for run, status in ended.items()),
        failed=sum(status["phase"] != "Succeeded" for status in ended.values()),
        run_again=sum(count > 1 for count in times.values()),
        seconds=round(seconds, 1),
    )


def _agrees(run: Run, status: Manifest, evidence: Evidence) -> bool:
    """The broker says the same, and the result is that of an execution that there was."""
    record = evidence.records.get(run)
    if record is None:
        refused = not status.get("attempts") and status["phase"] != "Succeeded"  # by the operator, before the broker
        return evidence.emptied or refused
    executed = evidence.emptied or status["phase"] != "Succeeded" or status["result"] in evidence.notes
    return record.confirms(status) and executed


class Witness:
    """Watches the Tasks of a namespace between `with` and its end, through every outage."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self.seen = Sightings()

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()  # it notices with its watch's next event or end, which nobody need wait for

    def ended(self, wanted: Collection[Run]) -> int:
        """How many of these have shown an end."""
        return sum(bool(self.seen.outcomes.get(run)) for run in wanted)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow(self._list())
            except (Unreachable, Denied):  # denied: 410, or the namespace is being deleted
                self._over.wait(PAUSE_SECONDS)

    def _list(self) -> str:
        found = self._tasks.list()
        self.seen.replace(found["items"] or ())
        return str(found["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        for type, task in self._tasks.watch(version, WATCH_SECONDS):
            if self._over.is_set() or type == "ERROR":
                return
            (self.seen.gone if type == "DELETED" else self.seen.take)(task)
