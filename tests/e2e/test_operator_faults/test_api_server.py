"""The API server killed and away, and etcd compacted so that the operator's place in its watches is forgotten."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from tests.e2e.api import Denied, Tasks
from tests.e2e.kubectl import TERMINAL, Kubectl
from tests.e2e.node import Node
from tests.e2e.operator_pods import OperatorPods
from tests.e2e.test_operator_faults.broker_tasks import BrokerTasks
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale
from tests.waiting import outlast, wait_sync

PER_SECOND = 40.0
RESTART_SECONDS = 3.0
GONE = 410
# The operator compares what it knows with what there is every minute.
FORGOTTEN_WITHIN = 90.0


def test_the_api_server_restarts(trial: Trials, judge: Judge, node: Node, scale: Scale) -> None:
    with trial("API server restarted") as it:
        load = it.create(scale.some, per_second=PER_SECOND)
        load.reach(scale.some / 4)
        with node.without_api_server():
            outlast(RESTART_SECONDS, "the API server to be away")
        judge(it)


def test_the_api_server_is_away_for_long(
    trial: Trials, judge: Judge, pool: Kubectl, system: Kubectl, node: Node, scale: Scale
) -> None:
    """Workers go on, with what was sent straight to the broker too; what they can't report meanwhile, they do later."""
    straight = BrokerTasks.of(pool, system, node)
    with trial(f"API server away for {scale.outage:g} s") as it:
        load = it.create(scale.some, per_second=200, seconds=1)
        wait_sync(lambda: load.done and it.ended(load) > 0, "the first Task to end")
        with node.without_api_server():
            began = time.time()
            assert straight.run(scale.some, within=scale.outage) == scale.some
            outlast(began + scale.outage - time.time(), "the outage's end")
            over = time.time()
        judge(it)
        finished = [datetime.fromisoformat(status["finishedAt"]) for status in it.statuses(load)]
    meanwhile = [at for at in finished if at_utc(began) < at < at_utc(over)]
    assert len(meanwhile) > scale.some / 10, "the workers had nothing to report when the API server was back"


def test_a_watch_that_is_too_old(trial: Trials, judge: Judge, operator: OperatorPods, node: Node, scale: Scale) -> None:
    """The operator is kept away while Tasks come and go, and what it has missed can't be told any more."""
    with trial("watch too old: 410 Gone") as it:
        doomed = it.create_aside(20, delaySeconds=3600)
        wait_sync(lambda: it.left(doomed).count("Queued") == 20, "the Tasks that won't live to be queued")
        address, before = operator.one().address, it.tasks.list()["metadata"]["resourceVersion"]
        with node.refused(address):
            node.cut(address)
            load = it.create(scale.some // 2, per_second=PER_SECOND)
            passing = it.create_aside(20)
            wait_sync(lambda: load.done and passing.done, "the Tasks of the gap")
            for name in (*doomed.names, *passing.names):
                it.tasks.delete(name)
            node.compact()
            with node.without_api_server():  # it would remember some more
                pass
            wait_sync(lambda: is_gone(it.tasks, before), "the old place in the watch to be forgotten")
        judge(it)
        wait_sync(
            lambda: set(it.left(doomed)) <= set(TERMINAL), "what was deleted to be dequeued", patience=FORGOTTEN_WITHIN
        )
        assert not it.left(passing)


def is_gone(tasks: Tasks, version: str) -> bool:
    """Whether a watch from there is told that it's too late. Asked while the API server may still be starting."""
    try:
        events = [event for _, event in tasks.watch(version, seconds=1)]
    except Denied as refusal:
        return refusal.status == GONE
    except OSError:
        return False
    return bool(events) and events[0].get("code") == GONE


def at_utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
