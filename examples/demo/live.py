"""Follows the work while it runs: a table that is redrawn on a terminal, lines in a log."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from demo.stage import Stage
from local_cluster.errors import ClusterError

__all__ = ["Moment", "Timeline", "follow"]

INTERVAL = 0.5  # seconds
PATIENCE = 240.0
TO_CANCEL = "export-2026"
STYLES = {"Succeeded": "green", "Running": "cyan", "DeadLettered": "red", "Cancelled": "yellow", "Retrying": "magenta"}


@dataclass(frozen=True)
class Moment:
    """What is seen at once. `since`: seconds after the start."""

    since: float
    tasks: list[dict[str, Any]]
    pool: dict[str, Any]
    job_ended: bool

    @property
    def phases(self) -> Counter[str]:
        """How many Tasks are in each phase."""
        return Counter(str(task["status"]["phase"]) for task in self.tasks)

    @property
    def replicas(self) -> int:
        """The pool's pods."""
        return replicas(self.pool)

    @property
    def over(self) -> bool:
        """Whether all has ended and the pool sleeps."""
        open_tasks = set(self.phases) - {"Succeeded", "DeadLettered", "Cancelled", "Failed"}
        return self.job_ended and not open_tasks and self.replicas == 0


@dataclass
class Timeline:
    """How many workers there were, and when that changed."""

    changes: list[tuple[float, int]] = field(default_factory=list)

    def note(self, since: float, replicas: int) -> None:
        """Take in what is seen, so many seconds after the start."""
        if not self.changes or self.changes[-1][1] != replicas:
            self.changes.append((since, replicas))

    @property
    def counts(self) -> list[int]:
        """The replicas, one after another."""
        return [count for _, count in self.changes]

    def __str__(self) -> str:
        return "  →  ".join(f"{count} ({since:.0f} s)" for since, count in self.changes)


def follow(stage: Stage, console: Console) -> Timeline:
    """Submit everything, and look until it is over. Cancels the long export once it runs."""
    timeline, began, cancelled = Timeline(), time.monotonic(), False
    timeline.note(0.0, replicas(stage.json("ppool/shop")))
    stage.submit()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            moment = look(stage, time.monotonic() - began)
            timeline.note(moment.since, moment.replicas)
            live.update(drawn(moment, timeline), refresh=console.is_terminal)
            if not cancelled and phase(moment, TO_CANCEL) == "Running":
                stage.cancel(TO_CANCEL)
                cancelled = True
            if not console.is_terminal:
                console.print(line(moment), highlight=False)
            if moment.over:
                return timeline
            if moment.since > PATIENCE:
                raise ClusterError(f"after {PATIENCE:.0f} s it isn't over: {line(moment)}")
            time.sleep(INTERVAL if console.is_terminal else 4 * INTERVAL)


def replicas(pool: dict[str, Any]) -> int:
    """A pool's pods."""
    return int(pool.get("status", {}).get("replicas", 0))


def look(stage: Stage, since: float) -> Moment:
    """The Tasks, the pool and the Job as of now."""
    job = stage.json("job/shop-submit").get("status", {})
    return Moment(
        since,
        json.loads(stage.tasks("--output=json"))["items"],
        stage.json("ppool/shop"),
        bool(job.get("succeeded") or job.get("failed")),
    )


def phase(moment: Moment, name: str) -> str:
    """The phase of one Task."""
    return next((str(t["status"]["phase"]) for t in moment.tasks if t["metadata"]["name"] == name), "")


def line(moment: Moment) -> str:
    """A moment in a line."""
    phases = ", ".join(f"{count} {name}" for name, count in sorted(moment.phases.items()))
    decision = moment.pool.get("status", {}).get("decision", {})
    return f"{moment.since:5.1f} s  {moment.replicas} workers ({decision.get('reason', '')})  Tasks: {phases}"


def drawn(moment: Moment, timeline: Timeline) -> Table:
    """A moment as a table."""
    table = Table(title=f"{moment.since:.0f} s · workers {timeline}", title_justify="left", box=None)
    for title in ("task", "phase", "attempts", "progress"):
        table.add_column(title)
    for task in sorted(moment.tasks, key=lambda task: str(task["metadata"]["name"])):
        status = task["status"]
        name, said = str(status["phase"]), status.get("progress", {})
        progress = f"{said['percent']} % {said.get('message', '')}" if said else ""
        style = STYLES.get(name, "white")
        table.add_row(task["metadata"]["name"], f"[{style}]{name}[/]", str(status.get("attempts", "")), progress)
    return table
