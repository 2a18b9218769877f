"""Pools to be decided on, for tests, and strategies for any of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from penstock.resources.autoscaling import (
    Autoscaling,
    Fallback,
    Mode,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    SelectPolicy,
    Target,
    Window,
)
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.case import Case, Proposal
from penstock_operator.autoscale.decide import decide
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.signals import Fleet, Signals, Work

NOW = 1_800_000_000.0
IDLE = Work()

counts = st.integers(0, 10_000)
# Tasks may be shared by several pools, but not into parts that nobody could tell from nothing.
amounts = st.just(0.0) | st.floats(0.001, 10_000)


def spec(concurrency: int = 16, processes: int = 1, replicas: int = 1, **autoscaling: Any) -> WorkerPoolSpec:
    """A pool's spec; scaling in its names in Python or in the resource."""
    return WorkerPoolSpec(
        app="shop.tasks:app",
        concurrency=concurrency,
        processes=processes,
        replicas=replicas,
        autoscaling=Autoscaling.model_validate(autoscaling),
    )


def case(
    work: Work = IDLE,
    fleet: Fleet | None = None,
    *,
    history: History | None = None,
    current: int = 0,
    now: float = NOW,
    pool: WorkerPoolSpec | None = None,
    **autoscaling: Any,
) -> Case:
    """A pool that has had `current` replicas for an hour and is idle, unless told otherwise."""
    return Case(
        work,
        fleet or Fleet(wanted=current, ready=current),
        pool or spec(**autoscaling),
        history or History.begin(current, now - 3600),
        now,
    )


def proposed(replicas: int) -> Proposal:
    """What an earlier rule came to."""
    return Proposal(replicas, "Backlog", "so many tasks")


def history(*steps: tuple[float, int], begin: int = 0) -> History:
    """Of a pool that was given what was recommended: (seconds before NOW, how many), in order."""
    past = History.begin(begin, NOW - 7200)
    for ago, replicas in steps:
        past = past.after(Decision(replicas, "Backlog", "", recommended=replicas), Signals(Work(1), Fleet()), NOW - ago)
    return past


class Pool:
    """A pool that gets at once what is decided, over virtual time: a look a second."""

    def __init__(self, spec: WorkerPoolSpec, current: int = 0, fleet: Fleet | None = None) -> None:
        self.spec = spec
        self.fleet = replace(fleet or Fleet(), wanted=current, ready=current)
        self.now = NOW
        self.history = History.begin(current, NOW)

    def look(self, work: Work | None, seconds: float = 1.0) -> Decision:
        """Some time later."""
        self.now += seconds
        signals = Signals(work, self.fleet)
        decision = decide(signals, self.spec, self.history, self.now)
        self.history = self.history.after(decision, signals, self.now)
        self.fleet = replace(self.fleet, wanted=decision.replicas, ready=decision.replicas)
        return decision

    def counts(self, works: Iterable[Work | None]) -> list[int]:
        """What is decided on each."""
        return [self.look(work).replicas for work in works]


def loads(*backlogs: float) -> Sequence[Work]:
    """So many tasks wait, one look after the other."""
    return [Work(waiting=backlog) for backlog in backlogs]


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Any known amount of work."""
    waiting, in_flight = draw(amounts), draw(amounts)
    return Work(
        waiting=waiting,
        due=waiting * draw(st.floats(0, 1)),
        barred=draw(amounts),
        in_flight=in_flight,
        most=draw(st.none() | st.floats(0, 10_000).map(lambda more: in_flight + more)),
        oldest=draw(amounts),
        arrival_rate=draw(st.floats(0, 1000)),
        recent_rate=draw(st.floats(0, 1000)),
        service_seconds=draw(st.none() | st.floats(0.001, 86_400)),
    )


fleets = st.builds(
    Fleet,
    wanted=st.integers(0, 60),
    ready=st.integers(0, 60),
    busy=st.integers(0, 60),
    start_seconds=st.floats(0.1, 600),
    rolling_out=st.booleans(),
    trouble=st.sampled_from(["", "FailedScheduling", "ImagePullBackOff"]),
    broken=st.booleans(),
)
# Not `st.builds`: of a model with aliases it would give each field twice.
policies = st.tuples(st.sampled_from(PolicyType), st.integers(1, 200), st.integers(1, 1800)).map(
    lambda drawn: ScalingPolicy(type=drawn[0], value=drawn[1], period_seconds=drawn[2])
)
rules = st.tuples(
    st.none() | st.integers(0, 3600),
    st.none() | st.lists(policies, min_size=1, max_size=3).map(tuple),
    st.sampled_from(SelectPolicy),
).map(lambda drawn: ScalingRules(stabilization_window_seconds=drawn[0], policies=drawn[1], select_policy=drawn[2]))
targets = st.sampled_from(
    [
        Target(backlog_per_replica=1),
        Target(backlog_per_replica=7),
        Target(latency_seconds=5),
        Target(latency_seconds=0.1),
    ]
)


@st.composite
def specs(draw: st.DrawFn, mode: Mode | None = Mode.AUTO, paused: bool | None = False) -> WorkerPoolSpec:
    """Any spec that the API server would admit; None: either."""
    least = draw(st.integers(0, 20))
    most = draw(st.integers(max(1, least), 50))
    window = st.tuples(st.sampled_from(["* * * * *", "0 8 * * 1-5"]), st.integers(1, 1000), st.integers(0, most)).map(
        lambda drawn: Window(schedule=drawn[0], duration_minutes=drawn[1], min_replicas=drawn[2])
    )
    return WorkerPoolSpec(
        app="shop.tasks:app",
        concurrency=draw(st.integers(1, 32)),
        processes=draw(st.integers(1, 4)),
        replicas=draw(st.integers(0, 50)),
        autoscaling=Autoscaling(
            mode=draw(st.sampled_from(Mode)) if mode is None else mode,
            min_replicas=least,
            max_replicas=most,
            paused=draw(st.booleans()) if paused is None else paused,
            idle_seconds=draw(st.integers(0, 300)),
            fallback=draw(st.none() | st.integers(0, most).map(lambda replicas: Fallback(replicas=replicas))),
            target=draw(targets),
            scale_up=draw(st.none() | rules),
            scale_down=draw(st.none() | rules),
            windows=draw(st.lists(window, max_size=2).map(tuple)),
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """What may have gone before."""
    steps = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=8))
    past = History.begin(draw(st.integers(0, 50)), NOW - 100 * (len(steps) + 1))
    for number, (replicas, recommended, busy) in enumerate(steps):
        decision = Decision(replicas, "Backlog", "", recommended=recommended)
        past = past.after(decision, Signals(Work(float(busy)), Fleet()), NOW - 100 * (len(steps) - number))
    return past
