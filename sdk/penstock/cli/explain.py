"""Why a pool has as many workers as it has, in words and pictures. Pure: lines of text from what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from penstock.cli.chart import Ink, columns, drawn
from penstock.cli.pools import Found
from penstock.explanation import Choice, Explanation, Sample, Timeline, Work
from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPool

__all__ = ["Page", "explained"]

HEIGHT = 6
NAME = 11  # characters for what a line is about
FRAME = 8  # characters beside a chart's columns
LEAST_WIDTH, MOST_WIDTH = 20, 240
LATEST_CHANGES = 10


@dataclass(frozen=True, slots=True)
class Page:
    """What it is written on: characters a line, minutes to look back, seconds since the epoch."""

    width: int
    minutes: int
    ink: Ink
    now: float


def explained(found: Found, page: Page) -> list[str]:
    """The whole explanation."""
    told = found.explanation
    lines = [*_resource(found.pool, page), *_conditions(found.pool, page), *_events(found, page)]
    if told is None:
        return [*lines, "", _row("Operator", found.missing)]
    return [*lines, *_figures(told), *_history(told.timeline, page)]


def _row(name: str, said: str) -> str:
    """One line, whatever others have written: no line breaks, nothing that would command the terminal."""
    return f"{name:<{NAME}} {''.join(c if c.isprintable() else ' ' for c in said)}"


# --- what the resource says -------------------------------------------------------------------------------------------


def _resource(pool: WorkerPool, page: Page) -> Iterator[str]:
    status, auto = pool.status, pool.spec.autoscaling
    counts = f"{status.ready_replicas or 0} ready, {status.busy_replicas or 0} busy"
    wanted = "nothing decided yet" if status.desired_replicas is None else f"{status.desired_replicas} replicas wanted"
    yield _row("WorkerPool", f"{pool.metadata.namespace}/{pool.metadata.name}: {wanted}, {counts}")
    if (decision := status.decision) is not None:
        yield _row("Why", f"{decision.reason}, {_ago(page.now - decision.at.timestamp())}: {decision.message}")
        yield _row("Inputs", ", ".join(f"{name} {figure:g}" for name, figure in decision.inputs.items()) or "none")
    bounds = f"autoscaling.minReplicas {auto.min_replicas}, .maxReplicas {auto.max_replicas}"
    yield _row("Bounds", f"{bounds}{', .paused' if auto.paused else ''}")
    yield _row("Mode", f"{auto.mode}: {_MODES[auto.mode].format(pool.spec.replicas)}")


_MODES = {
    Mode.AUTO: "the operator decides",
    Mode.EXTERNAL: "whoever writes /scale decides; spec.replicas is {}",
    Mode.OFF: "spec.replicas is {}",
}


def _conditions(pool: WorkerPool, page: Page) -> Iterator[str]:
    for number, condition in enumerate(pool.status.conditions):
        since = _ago(page.now - condition.last_transition_time.timestamp())
        message = f": {condition.message}" if condition.message else ""
        said = f"{condition.type} is {condition.status}, {since}: {condition.reason}{message}"
        yield _row("" if number else "Conditions", said)


def _events(found: Found, page: Page) -> Iterator[str]:
    for number, event in enumerate(found.events):
        at = datetime.fromisoformat(event["at"]).timestamp()
        said = f"{_ago(page.now - at)}, {event['type']} {event['reason']}: {event['message']}"
        yield _row("" if number else "Events", said)


# --- what the operator says -------------------------------------------------------------------------------------------


def _figures(told: Explanation) -> Iterator[str]:
    yield _row("Queues", ", ".join(told.queues))
    yield _row("Work", "unknown: the queues can't be read" if told.work is None else _work(told.work))
    trouble = f"; {told.fleet.trouble}" if told.fleet.trouble else ""
    rolling = ", being replaced by a newer version" if told.fleet.rolling_out else ""
    yield _row("Workers", f"start within {told.fleet.start_seconds:.1f} s{rolling}{trouble}")
    if told.mode != Mode.AUTO and told.would is not None:
        yield _row("Auto", f"would want {_choice(told.would)}")


def _work(work: Work) -> str:
    waiting = f"{work.waiting:g} waiting"
    if work.oldest_seconds:
        waiting += f", the oldest for {work.oldest_seconds:.1f} s"
    barred = f", {work.barred:g} held by a pause or a limit" if work.barred else ""
    barred += "" if work.most is None else f", {work.most:g} may run at once"
    each = "" if work.service_seconds is None else f", {work.service_seconds:.3g} s each"
    return f"{waiting}{barred}; {work.in_flight:g} in flight; {work.arrival_rate:.3g} a second arrive{each}"


def _choice(choice: Choice) -> str:
    return f"{choice.replicas}: {choice.reason}: {choice.message}"


def _history(timeline: Timeline, page: Page) -> Iterator[str]:
    since = page.now - page.minutes * 60
    samples = [sample for sample in timeline.samples if sample.at + timeline.step_seconds > since]
    if not samples:
        yield from ("", _row("History", "none yet: the operator has only begun to lead"))
        return
    yield from _charts(samples, timeline.step_seconds, page)
    changes = [change for change in timeline.changes if change.at >= since][-LATEST_CHANGES:]
    for number, change in enumerate(changes):
        said = f"{_clock(change.at)}  {change.was} to {change.to}  {change.reason}: {change.message}"
        yield from () if number else ("",)
        yield _row("" if number else "Changes", said)


def _charts(samples: list[Sample], step: int, page: Page) -> Iterator[str]:
    width = min(MOST_WIDTH, max(LEAST_WIDTH, page.width - FRAME))
    start = page.now - page.minutes * 60

    def over_time(figures: list[float | None]) -> list[float | None]:
        dated = list(zip((sample.at for sample in samples), figures, strict=True))
        return columns(dated, step, start, page.now, width)

    began = f"{page.minutes} min ago"
    wanted = over_time([sample.replicas for sample in samples])
    ready = over_time([sample.ready for sample in samples])
    yield from ("", f"Workers ready, and wanted ({page.ink.mark})")
    yield from drawn(ready, marks=wanted, ink=page.ink, height=HEIGHT, left=began, right="now")
    backlog = over_time([_backlog(sample) for sample in samples])
    yield from ("", f"Tasks waiting and in flight ({page.ink.unknown}: unknown)")
    yield from drawn(backlog, ink=page.ink, height=HEIGHT, left=began, right="now")


def _backlog(sample: Sample) -> float | None:
    if sample.most_waiting is None or sample.in_flight is None:
        return None
    return sample.most_waiting + sample.in_flight


# --- times ------------------------------------------------------------------------------------------------------------


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
