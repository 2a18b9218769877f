"""What became of functions that were started: which ended, which were cut, what ran in a pod when it was deleted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """One start of a function. Unix times; `ended` is None where nobody noted that."""

    id: str
    attempt: int
    pod: str
    began: float
    ended: float | None = None

    def ran_at(self, moment: float) -> bool:
        """Whether it was under way then, for sure."""
        return self.ended is not None and self.began <= moment <= self.ended


def executions(notes: Iterable[str]) -> list[Execution]:
    """From the notes that `tasks.clocked` makes: JSON, one when it begins and one when it ends."""
    found: dict[str, Execution] = {}
    for note in map(json.loads, notes):
        if note["event"] == "began":
            found[note["key"]] = Execution(note["id"], note["attempt"], note["pod"], note["at"])
        else:
            before = found[note["key"]]
            found[note["key"]] = Execution(before.id, before.attempt, before.pod, before.began, note["at"])
    return list(found.values())


@dataclass(frozen=True)
class Judgement:
    """Numbers. Missing: tasks that never began; repeated: that began more than once; cut: starts without an end;
    `busy_chosen`: pods that were deleted while something ran there."""

    tasks: int
    missing: int
    repeated: int
    cut: int
    busy_chosen: int

    @property
    def sound(self) -> bool:
        """Whether each ran once, to its end, and only idle pods went."""
        return not (self.missing or self.repeated or self.cut or self.busy_chosen)


def judgement(wanted: Collection[str], all: Sequence[Execution], deleted: Mapping[str, float]) -> Judgement:
    """Of the tasks of these ids. `deleted`: when each pod was."""
    mine = [one for one in all if one.id in set(wanted)]
    starts = Counter(one.id for one in mine)
    return Judgement(
        len(wanted),
        missing=sum(not starts[id] for id in wanted),
        repeated=sum(count > 1 for count in starts.values()),
        cut=sum(one.ended is None for one in mine),
        busy_chosen=sum(any(one.pod == pod and one.ran_at(at) for one in mine) for pod, at in deleted.items()),
    )
