from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.resources.autoscaling import Mode
from penstock.resources.pool import WorkerPoolSpec
from penstock_operator.autoscale.decide import decide, recommend
from penstock_operator.autoscale.decision import Decision
from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.signals import Fleet, Signals, Work
from tests.unit.penstock_operator.autoscale.cases import (
    IDLE,
    NOW,
    Pool,
    amounts,
    counts,
    fleets,
    histories,
    loads,
    spec,
    specs,
    works,
)

known = st.builds(Signals, works(), fleets)
unknown = st.builds(Signals, st.none(), fleets)


def decided(work: Work | None, current: int = 0, pool: WorkerPoolSpec | None = None) -> Decision:
    fleet = Fleet(wanted=current, ready=current)
    return decide(Signals(work, fleet), pool or spec(), History.begin(current, NOW - 3600), NOW)


@given(known, specs(), histories())
def test_a_known_load_is_answered_within_the_bounds(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    auto = pool.autoscaling
    held = signals.fleet.wanted if signals.fleet.rolling_out else 0  # a lowered ceiling waits for the rollout's end
    replicas = decide(signals, pool, past, NOW).replicas
    assert auto.min_replicas <= replicas <= max(auto.max_replicas, held)


@given(unknown, specs(paused=None), histories())
def test_unknown_never_shrinks(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    assert decide(signals, pool, past, NOW).replicas >= signals.fleet.wanted


@given(unknown, specs(), histories())
def test_unknown_holds_or_goes_up_to_the_fallback(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    fallback = pool.autoscaling.fallback
    least = max(pool.autoscaling.min_replicas, fallback.replicas if fallback else 0)
    expected = max(signals.fleet.wanted, least)
    assert decide(signals, pool, past, NOW).replicas == expected


@given(known, specs(), histories())
def test_to_zero_only_with_nothing_to_do_and_after_idle_seconds(
    signals: Signals, pool: WorkerPoolSpec, past: History
) -> None:
    work = signals.work
    assert work is not None
    assume(past.replicas)
    if not decide(signals, pool, past, NOW).replicas:
        assert not work.backlog
        assert not signals.fleet.busy
        assert NOW - past.busy_at >= pool.autoscaling.idle_seconds


@given(st.one_of(known, unknown), specs(mode=None, paused=None), histories())
def test_every_decision_is_explained(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    decision = decide(signals, pool, past, NOW)
    assert re.fullmatch(r"([A-Z][a-z]+)+", decision.reason)
    assert decision.message
    assert len(decision.message) <= 4096
    assert decision.replicas >= 0
    assert decision.recommended >= 0


@given(st.one_of(known, unknown), specs(mode=None, paused=True), histories())
def test_a_paused_pool_is_held(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    decision = recommend(signals, pool, past, NOW)
    assert (decision.replicas, decision.reason) == (signals.fleet.wanted, "Paused")


@given(st.one_of(known, unknown), specs(mode=None, paused=None), histories())
def test_outside_auto_the_specs_count_holds(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    assume(pool.autoscaling.mode is not Mode.AUTO)
    decision, fleet = decide(signals, pool, past, NOW), signals.fleet
    held = fleet.rolling_out and 0 < pool.replicas < fleet.wanted
    assert (decision.replicas, decision.recommended) == (fleet.wanted if held else pool.replicas, pool.replicas)
    assert decision.reason == ("RollingOut" if held else f"Mode{pool.autoscaling.mode}")


@given(known, specs(mode=None), histories())
def test_what_auto_would_decide_is_known_in_every_mode(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    automatic = pool.model_copy(update={"autoscaling": pool.autoscaling.model_copy(update={"mode": Mode.AUTO})})
    assert recommend(signals, pool, past, NOW) == decide(signals, automatic, past, NOW)


@given(known, amounts, specs(), histories())
def test_more_work_never_means_fewer_workers(
    signals: Signals, more: float, pool: WorkerPoolSpec, past: History
) -> None:
    work = signals.work
    assert work is not None
    heavier = replace(signals, work=replace(work, waiting=work.waiting + more))
    before, after = (decide(one, pool, past, NOW) for one in (signals, heavier))
    assert after.replicas >= before.replicas
    if work.backlog:
        assert after.recommended >= before.recommended


@given(known, specs(), histories())
def test_a_decision_holds_until_something_changes(signals: Signals, pool: WorkerPoolSpec, past: History) -> None:
    once = decide(signals, pool, past, NOW)
    then = replace(signals, fleet=replace(signals.fleet, wanted=once.replicas))
    assert decide(then, pool, past.after(once, then, NOW), NOW).replicas == once.replicas


@given(works(), specs(), st.integers(0, 50))
def test_a_steady_load_makes_a_steady_count(work: Work, pool: WorkerPoolSpec, current: int) -> None:
    """It moves one way only, and comes to rest. Nothing begins: that wants more until a worker is up, and less then."""
    found = Pool(pool, current).counts([replace(work, recent_rate=0.0)] * 60)
    steps = [after - before for before, after in pairwise(found)]
    assert all(step >= 0 for step in steps) or all(step <= 0 for step in steps)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=9))
def test_a_load_that_swings_faster_than_a_worker_pays_off_doesnt_flap(swing: list[int]) -> None:
    pool = Pool(spec(max_replicas=50))
    pool.counts(loads(*swing))
    assert len(set(pool.counts(loads(*swing * 10)))) == 1


def test_a_noisy_stream_with_a_latency_target_doesnt_flap() -> None:
    pool = Pool(spec(concurrency=4, target={"latencySeconds": 5}, max_replicas=50))
    noise = [
        Work(waiting=at % 3, in_flight=9, arrival_rate=10 + (at * 7 % 5) / 2, service_seconds=1) for at in range(99)
    ]
    assert len(set(pool.counts(noise)[20:])) == 1


def test_what_begins_gets_more_until_it_is_caught_up_with() -> None:
    pool = Pool(spec(target={"latencySeconds": 5}, max_replicas=50))
    found = pool.counts([Work(in_flight=100, arrival_rate=100, recent_rate=100, service_seconds=1)] * 30)
    assert found == [13] * 11 + [7] * 19  # 100 places, and 100 for the 500 that come during a start; for ten seconds


def test_a_wait_within_the_objective_is_borne_and_another_is_not() -> None:
    pool = Pool(spec(concurrency=10, target={"latencySeconds": 5}), current=2)
    busy = Work(in_flight=20, arrival_rate=20, recent_rate=20, service_seconds=1)
    borne, late = (pool.look(replace(busy, waiting=waiting)) for waiting in (100, 101))
    assert (borne.replicas, borne.reason, borne.recommended) == (2, "WithinObjective", 4)
    assert (late.replicas, late.reason) == (5, "Latency")


def test_a_flash_crowd_is_answered_at_once_and_its_end_too_but_for_the_time_that_a_start_would_take() -> None:
    pool = Pool(spec(), fleet=Fleet(start_seconds=20))
    crowd = pool.counts(loads(*[100] * 5, *[5] * 60))
    assert crowd[0] == 10
    assert crowd.index(1) == 5 + 40  # two starts after the first look that asked for less


def test_sleep_and_awakening() -> None:
    pool = Pool(spec())
    assert pool.look(Work(waiting=35)).replicas == 4
    assert pool.counts([IDLE] * 40) == [4] * 29 + [0] * 11
    assert pool.look(Work(waiting=1)).replicas == 1


def test_on_the_way_to_sleep_one_stays_up_for_the_rest_of_idle_seconds() -> None:
    pool = Pool(spec(idle_seconds=50))
    assert pool.look(Work(waiting=35)).replicas == 4
    assert pool.counts([IDLE] * 60) == [4] * 30 + [1] * 19 + [0] * 11


def test_idle_seconds_count_from_the_end_of_the_last_task() -> None:
    pool = Pool(spec(), current=1)
    pool.counts([Work(in_flight=1)] * 100)
    assert pool.counts([IDLE] * 29) == [1] * 29
    assert pool.look(IDLE).replicas == 0


def test_what_could_not_be_read_was_not_idle() -> None:
    pool = Pool(spec(), current=2)
    pool.counts([IDLE] * 20)
    assert pool.counts([None] * 100) == [2] * 100
    assert pool.counts([IDLE] * 29) == [1] * 29
    assert pool.look(IDLE).replicas == 0


def test_after_a_restart_of_the_operator_nothing_is_taken_away_before_it_was_watched() -> None:
    assert Pool(spec(), current=7).counts([IDLE] * 29) == [7] * 29
    assert Pool(spec(target={"latencySeconds": 5}), current=7).counts([IDLE] * 9) == [7] * 9


@pytest.mark.parametrize(("backlog", "replicas"), [(1, 1), (10, 1), (11, 2), (95, 10), (1000, 10)])
def test_each_replica_takes_its_share(backlog: int, replicas: int) -> None:
    decision = decided(Work(waiting=backlog))
    assert decision.replicas == replicas
    assert decision.reason == ("AtMaxReplicas" if backlog > 100 else "Backlog")
    assert decision.recommended == -(-backlog // 10)


def test_what_waits_and_what_runs_count_alike() -> None:
    assert decided(Work(waiting=10, due=5, in_flight=5)).replicas == 2


def test_a_paused_queue_keeps_workers_for_what_runs_and_then_none() -> None:
    pool = Pool(spec(), current=3)
    running = pool.counts([Work(barred=1000, in_flight=25)] * 60)
    assert set(running) == {3}
    rest = pool.counts([Work(barred=1000)] * 40)
    assert rest[28:30] == [3, 0]
    assert "may not start" in pool.look(Work(barred=1000)).message


def test_a_first_worker_wakes_whatever_percentage_is_allowed() -> None:
    rules = {"policies": [{"type": "Percent", "value": 1, "periodSeconds": 60}]}
    pool = Pool(spec(scale_up=rules))
    assert pool.look(Work(waiting=100)).replicas == 1
    waking = pool.counts(loads(*[100] * 120))
    assert max(waking[:59]) == 1
    assert waking[-1] > 1


def test_a_window_opens_although_scale_up_looks_back() -> None:
    window = {"schedule": "* * * * *", "durationMinutes": 10, "minReplicas": 5}
    pool = Pool(spec(windows=[window], scale_up={"stabilizationWindowSeconds": 60}))
    assert pool.look(IDLE).replicas == 5


def test_a_window_never_goes_above_the_ceiling() -> None:
    window = {"schedule": "* * * * *", "durationMinutes": 10, "minReplicas": 5}
    decision = decided(IDLE, 0, spec(windows=[window], max_replicas=3))
    assert (decision.replicas, decision.reason) == (3, "AtMaxReplicas")


def test_a_lowered_ceiling_holds_at_once_though_within_tolerance() -> None:
    decision = decided(Work(waiting=1000), 100, spec(max_replicas=95))
    assert (decision.replicas, decision.reason) == (95, "AtMaxReplicas")


def test_a_raised_floor_holds_at_once_though_pods_cannot_start() -> None:
    fleet = Fleet(wanted=1, trouble="ImagePullBackOff", broken=True)
    pool = spec(min_replicas=3)
    assert decide(Signals(Work(waiting=1000), fleet), pool, History.begin(1, NOW), NOW).replicas == 3


@given(counts, specs())
def test_a_pool_of_which_nothing_is_known_yet_is_decided_on(current: int, pool: WorkerPoolSpec) -> None:
    decision = decide(Signals(IDLE, Fleet()), pool, History.begin(current, NOW), NOW)
    assert decision.replicas <= max(current, pool.autoscaling.max_replicas)


def test_the_inputs_are_shown() -> None:
    work = Work(3.004, 2, 7, 1.5, 9, 12.34, 0.66666, 0.7, 0.123456)
    fleet = Fleet(2, 1, 1, 4.56)
    assert decide(Signals(work, fleet), spec(), History.begin(2, NOW), NOW).inputs == {
        "waiting": 3.0,
        "due": 2,
        "barred": 7,
        "inFlight": 1.5,
        "oldestSeconds": 12.3,
        "arrivalRate": 0.667,
        "serviceSeconds": 0.1235,
        "ready": 1,
        "busy": 1,
        "startSeconds": 4.6,
    }


def test_without_known_work_there_are_no_inputs() -> None:
    assert decided(None).inputs == {}
