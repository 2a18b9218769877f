from __future__ import annotations

import math

import pytest
from benchmarks.autoscale.validation import stage
from benchmarks.autoscale.validation.bursts import OBJECTIVE, sequence
from benchmarks.autoscale.validation.comparison import Row, compare, lines
from benchmarks.autoscale.validation.measured import Measured, Ran, counts, measure
from benchmarks.autoscale.validation.predicted import predict
from benchmarks.autoscale.validation.sightings import Sighting, noted

from penstock.kube import Manifest
from penstock.report import moment
from penstock.resources.pool import WorkerPool
from penstock.resources.task import Task


def pod(name: str, *, ready: bool) -> Manifest:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


def finished(queued: float, started: float, ended: float, worker: str) -> Manifest:
    times = {"queuedAt": moment(queued), "startedAt": moment(started), "finishedAt": moment(ended)}
    return {"status": {**times, "worker": worker}}


def test_the_sequence_is_always_the_same_and_has_bursts() -> None:
    calls = sequence()
    assert calls == sequence()
    assert [call.at for call in calls] == sorted(call.at for call in calls)
    assert sum(call.at == 180.0 for call in calls) == 60
    assert not [call for call in calls if 102 <= call.at < 150]
    assert all(call.seconds > 0 for call in calls)


def test_what_is_made_is_understood() -> None:
    assert WorkerPool.model_validate(stage.pool()).spec.autoscaling.target.latency_seconds == OBJECTIVE
    assert stage.spec().concurrency == 4
    assert Task.model_validate(stage.task(3, sequence()[0])).spec.queue == stage.NAME


def test_pods_are_seen_come_ready_and_go() -> None:
    seen: dict[str, Sighting] = {}
    noted(seen, [pod("a", ready=False)], 1.0)
    noted(seen, [pod("a", ready=True), pod("b", ready=False)], 2.0)
    noted(seen, [pod("b", ready=False)], 3.0)
    assert seen == {"a": Sighting(1.0, 2.0, 3.0), "b": Sighting(2.0)}


def test_a_start_ends_with_the_first_claim_or_readiness() -> None:
    pods = {"a": Sighting(100.0, 108.0, 150.0), "b": Sighting(100.0, 103.0)}
    tasks = [finished(101.0, 105.0, 107.0, "a-1-x"), finished(100.5, 104.0, 106.0, "b-1-x")]
    found = measure(tasks, pods, 100.0, 160.0)
    assert [round(task.queued, 3) for task in found.tasks] == [0.5, 1.0]
    assert found.startup.median == pytest.approx(math.sqrt(5.0 * 3.0))
    assert found.pod_seconds == 50.0 + 60.0


def test_open_spans_are_counted_each_second() -> None:
    assert counts([(0.0, 2.0), (1.0, math.inf)], 3.5) == [1, 2, 1, 1]


def test_a_pool_that_behaves_as_simulated_is_predicted() -> None:
    tasks = tuple(Ran(at, at + 5.0, at + 7.0, "a") for at in (1.0, 1.0, 1.0))
    found = Measured(tasks, {"a": Sighting(1.0, 6.0, 30.0)}, 60.0)
    figures, pods = predict(found, stage.spec(), OBJECTIVE)
    assert figures["p50"] == pytest.approx(5.0, abs=0.1)
    assert max(pods) == 1
    rows = {row.name: row for row in compare(found, counts([(1.0, 30.0)], 60.0), figures, pods, OBJECTIVE)}
    assert abs(rows["p50 of the wait, s"].difference) < 0.02
    assert abs(rows["pod-seconds"].difference) < 0.3
    assert "difference" in lines(list(rows.values()))[0]


def test_differences_are_shares_of_what_was_measured() -> None:
    assert Row("x", 2.0, 3.0).difference == 0.5
    assert Row("x", 0.0, 0.0).difference == 0.0
    assert math.isinf(Row("x", 0.0, 1.0).difference)
