"""Two operators, one of which leads: fail-over, and a leader that doesn't know that it was deposed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.api import Tasks
from tests.e2e.kubectl import Kubectl, Refused
from tests.e2e.node import Node
from tests.e2e.operator_pods import LEASE, OperatorPods
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale
from tests.waiting import wait_sync

PER_SECOND = 20.0
HELD = 20
FAIL_OVER_SECONDS = 5.0
TAKEN_OVER_WITHIN = 60.0
COMPARED_WITHIN = 15.0  # several looks of an operator for what its broker has lost


@pytest.fixture(scope="module")
def pair(system: Kubectl) -> Iterator[OperatorPods]:
    """Two operators, both ready, one of which holds the Lease."""
    try:
        system("get", LEASE)
    except Refused as none:
        pytest.fail(f"this operator elects no leader, so two of them would both act: {none}")
    pods = OperatorPods(system)
    pods.scale(2)
    try:
        yield pods
    finally:
        pods.scale(1)


def led_by_one_of(pair: OperatorPods) -> bool:
    return any(pod.name in pair.holder() for pod in pair.all())


@pytest.fixture(autouse=True)
def settled(pair: OperatorPods) -> None:
    """Each test begins with a leader that is there, and another that is ready."""
    wait_sync(lambda: len(pair.all()) == 2, "two operators")
    pair.wait_ready()
    wait_sync(lambda: led_by_one_of(pair), "a leader", patience=TAKEN_OVER_WITHIN)


def test_a_killed_leader_is_followed_within_seconds(
    trial: Trials, judge: Judge, pair: OperatorPods, pool: Kubectl, node: Node, scale: Scale
) -> None:
    with trial("leader killed") as it:
        load = it.create(scale.some, per_second=PER_SECOND)
        load.reach(scale.some / 4)
        assert node.kill(pair.leader().uid)
        began = time.monotonic()
        first = it.create(1)
        wait_sync(lambda: it.all_ended(first), "a new Task to end", patience=TAKEN_OVER_WITHIN)
        took = time.monotonic() - began
        judge(it)
    print(f"a new Task ended {took:.2f} s after the leader was killed")
    assert took <= FAIL_OVER_SECONDS


def test_a_leader_that_stops_hands_over(trial: Trials, judge: Judge, pair: OperatorPods, scale: Scale) -> None:
    with trial("leader stopped") as it:
        load = it.create(scale.some, per_second=PER_SECOND)
        load.reach(scale.some / 4)
        old, holder = pair.leader(), pair.holder()
        others = [pod.name for pod in pair.all() if pod != old]
        pair.system("delete", "pod", old.name, "--wait=false")
        began = time.monotonic()
        wait_sync(lambda: pair.holder() not in ("", holder), "another leader", patience=TAKEN_OVER_WITHIN)
        took = time.monotonic() - began
        assert any(name in pair.holder() for name in others), f"{pair.holder()} wasn't ready yet"
        judge(it)
    print(f"another held the Lease {took:.2f} s after the leader was told to stop")
    assert took <= scale.hand_over


def test_a_leader_that_was_deposed_and_does_not_know_it(
    trial: Trials, judge: Judge, pair: OperatorPods, node: Node, scale: Scale
) -> None:
    """It goes on where it stood still, with what it believed then: Tasks that were to be held are let go by now."""
    with trial("two leaders") as it:
        held = it.create(HELD, suspend=True)
        let_go = it.create(HELD, queue="e2e", delaySeconds=5)
        it.create(scale.some, per_second=PER_SECOND)
        wait_sync(lambda: held.done and let_go.done, "the Tasks to be held")
        old, holder, epoch = pair.leader(), pair.holder(), epoch_of(pair)
        suspend(it.tasks, let_go.names, True)
        with node.frozen(old.uid):
            suspend(it.tasks, held.names, False)
            wait_sync(lambda: pair.holder() not in ("", holder), "another leader", patience=TAKEN_OVER_WITHIN)
            suspend(it.tasks, let_go.names, False)
            suspend(it.tasks, held.names[: HELD // 2], True)
            after = it.create(scale.some // 2, per_second=PER_SECOND)
            after.reach(1)
            assert epoch_of(pair) > epoch, "the Lease changed hands, and its epoch didn't"
        # Both run now, and only one of them may act.
        suspend(it.tasks, held.names, False)
        judge(it)


def test_a_leader_that_only_the_broker_hears(
    trial: Trials, judge: Judge, pair: OperatorPods, node: Node, scale: Scale
) -> None:
    """It hears of no change and can't renew its Lease, but it could still queue what it believes is missing."""
    with trial("leader cut off from the API server alone") as it:
        queued = it.create_aside(HELD, delaySeconds=3600)
        # On the resources too: an operator that waits for the API server to take that in does nothing else with them.
        wait_sync(lambda: it.phases(queued) == {"Queued"}, "the Tasks to be queued")
        old, holder = pair.leader(), pair.holder()
        with node.silenced(old.address):
            it.create(scale.some, per_second=PER_SECOND)
            wait_sync(lambda: pair.holder() not in ("", holder), "another leader", patience=TAKEN_OVER_WITHIN)
            suspend(it.tasks, queued.names, True)
            wait_sync(lambda: not it.left(queued), "the new leader to take them off their queue")
            until = time.monotonic() + COMPARED_WITHIN
            while time.monotonic() < until:
                assert not it.left(queued), "the old leader has queued again what the new one had taken off"
        judge(it)
        for name in queued.names:
            it.tasks.delete(name)


def suspend(tasks: Tasks, names: list[str], suspended: bool) -> None:
    for name in names:
        tasks.patch(name, {"spec": {"suspend": suspended}})


def epoch_of(pair: OperatorPods) -> int:
    return int(pair.system.value(LEASE, "{.spec.leaseTransitions}") or 0)
