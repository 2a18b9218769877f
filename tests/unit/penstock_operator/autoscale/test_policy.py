from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.messages import Depth
from penstock.resources.autoscaling import Autoscaling, Fallback, Mode, Target
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.policy import Decision, Load, decide

counts = st.integers(0, 10_000)
loads = st.builds(Load, counts, counts, counts, counts, st.floats(0, 1e5))
idle = st.builds(Load, idle_seconds=st.floats(0, 1e5))


@st.composite
def specs(draw: st.DrawFn, mode: Mode | None = Mode.AUTO, paused: bool | None = False) -> WorkerPoolSpec:
    least = draw(st.integers(0, 20))
    most = draw(st.integers(max(1, least), 50))
    fallback = draw(st.none() | st.builds(Fallback, replicas=st.integers(0, most)))
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
            idle_seconds=draw(st.floats(0, 300)),
            fallback=fallback,
            target=draw(st.sampled_from([Target(backlog_per_replica=7), Target(latency_seconds=5)])),
        ),
    )


@st.composite
def pools(draw: st.DrawFn) -> tuple[WorkerPoolSpec, int]:
    """A spec and a count within its bounds."""
    spec = draw(specs())
    return spec, draw(st.integers(spec.autoscaling.min_replicas, spec.autoscaling.max_replicas))


def spec(**autoscaling: object) -> WorkerPoolSpec:
    return WorkerPoolSpec(app="shop.tasks:app", autoscaling=Autoscaling.model_validate(autoscaling))


@given(loads, specs(), counts)
def test_a_known_load_is_answered_within_the_bounds(load: Load, spec: WorkerPoolSpec, current: int) -> None:
    auto = spec.autoscaling
    held = current if load.backlog else 0  # a lowered ceiling waits for what is in flight
    assert auto.min_replicas <= decide(load, spec, current).replicas <= max(auto.max_replicas, held)


@given(specs(), counts)
def test_unknown_is_not_zero(spec: WorkerPoolSpec, current: int) -> None:
    decision = decide(None, spec, current)
    fallback = spec.autoscaling.fallback
    assert decision.replicas == max(current, fallback.replicas if fallback else 0)


@given(loads, pools())
def test_nothing_is_taken_away_while_anything_is_left_to_do(load: Load, pool: tuple[WorkerPoolSpec, int]) -> None:
    if load.backlog:
        assert decide(load, *pool).replicas >= pool[1]


@given(st.none() | loads, specs(paused=True), counts)
def test_a_paused_pool_is_held(load: Load | None, spec: WorkerPoolSpec, current: int) -> None:
    assert decide(load, spec, current) == Decision(current, "Paused", "autoscaling.paused is true: the count is held")


@given(st.none() | loads, specs(mode=None, paused=None), counts)
def test_every_decision_is_explained(load: Load | None, spec: WorkerPoolSpec, current: int) -> None:
    decision = decide(load, spec, current)
    assert decision.reason.isalpha()
    assert decision.message


@given(st.none() | loads, specs(mode=None, paused=None), counts)
def test_outside_auto_the_specs_count_holds(load: Load | None, spec: WorkerPoolSpec, current: int) -> None:
    if spec.autoscaling.mode is not Mode.AUTO:
        assert decide(load, spec, current).replicas == spec.replicas


@given(loads, specs(), counts)
def test_a_decision_holds_until_something_changes(load: Load, spec: WorkerPoolSpec, current: int) -> None:
    once = decide(load, spec, current)
    assert decide(load, spec, once.replicas).replicas == once.replicas


@given(loads, counts, pools())
def test_more_work_never_means_fewer_workers(load: Load, more: int, pool: tuple[WorkerPoolSpec, int]) -> None:
    heavier = Load(load.ready + more, load.due, load.in_flight, load.busy, load.idle_seconds)
    assert decide(heavier, *pool).replicas >= decide(load, *pool).replicas


@pytest.mark.parametrize(("backlog", "replicas"), [(1, 1), (10, 1), (11, 2), (95, 10), (1000, 10)])
def test_each_replica_takes_its_share(backlog: int, replicas: int) -> None:
    decision = decide(Load(ready=backlog), spec(), 0)
    assert decision.replicas == replicas
    assert decision.reason == ("AtMaxReplicas" if backlog > 100 else "Backlog")


def test_what_is_due_and_what_runs_count_too() -> None:
    assert decide(Load(ready=5, due=5, in_flight=5), spec(), 0).replicas == 2


@pytest.mark.parametrize(("seconds", "replicas", "reason"), [(29, 3, "CoolingDown"), (30, 0, "Idle")])
def test_the_step_to_zero_waits(seconds: float, replicas: int, reason: str) -> None:
    decision = decide(Load(idle_seconds=seconds), spec(), 3)
    assert (decision.replicas, decision.reason) == (replicas, reason)


@given(idle, pools())
def test_an_idle_pool_goes_to_its_floor_and_no_lower(load: Load, pool: tuple[WorkerPoolSpec, int]) -> None:
    auto = pool[0].autoscaling
    expected = pool[1] if load.idle_seconds < auto.idle_seconds else auto.min_replicas
    assert decide(load, *pool).replicas == expected


def test_the_inputs_are_shown() -> None:
    inputs = decide(Load(1, 2, 3, 1, 0.0), spec(), 1).inputs
    assert inputs == {"ready": 1, "due": 2, "inFlight": 3, "busy": 1, "idleSeconds": 0}


def test_the_load_is_the_sum_over_queues_and_each_worker_counts_once() -> None:
    depths = [
        Depth(1, 9, 2, in_flight=3, holding={"a": 1, "b": 2}),
        Depth(10, 9, 20, in_flight=30, holding={"b": 30}),
    ]
    assert Load.of(depths, 7.0) == Load(11, 22, 33, 2, 7.0)
    assert Load.of([], 7.0).backlog == 0
