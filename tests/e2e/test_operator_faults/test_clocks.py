"""Wall clocks of workers and operator that go wrong by minutes, in opposite directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.kubectl import Kubectl
from tests.e2e.operator_pods import DEPLOYMENT, OperatorPods
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale
from tests.e2e.test_operator_faults.worker_template import patched, rolled_out

CLOCK = Path(__file__).parent / "sitecustomize.py"
MOUNT = {"name": "clock", "mountPath": "/clock", "readOnly": True}
VOLUME = {"name": "clock", "configMap": {"name": "clock"}}
SKEW = 120
DELAY = 3
# What a healthy system takes at most between the time that was asked for and what follows from it.
SLACK = 15
# An operator whose own clock is wrong knows the API server's time from answers that tell it in whole seconds, as
# creationTimestamps do.
TOLD = 0.5
# A worker knows the broker's time from answers, as exactly as they are quick: 5 ms too few were seen.
HEARD = 0.05


def environment(skew: int) -> list[dict[str, str]]:
    return [{"name": "PYTHONPATH", "value": "/clock"}, {"name": "CLOCK_SKEW", "value": str(skew)}]


@contextmanager
def skewed_workers(pool: Kubectl, skew: int) -> Iterator[None]:
    pool("create", "configmap", "clock", f"--from-file={CLOCK}")
    try:
        with patched(pool, environment(skew), volumes=[VOLUME], mounts=[MOUNT]):
            rolled_out(pool, "CLOCK_SKEW", str(skew))
            yield
        rolled_out(pool, "CLOCK_SKEW", "")
    finally:
        pool("delete", "configmap", "clock")


@contextmanager
def skewed_operator(operator: OperatorPods, skew: int) -> Iterator[None]:
    system = operator.system
    before = system.json(DEPLOYMENT)["spec"]["template"]
    container = {"name": "operator", "env": environment(skew), "volumeMounts": [MOUNT]}
    system("create", "configmap", "clock", f"--from-file={CLOCK}")
    try:
        change = {"spec": {"template": {"spec": {"containers": [container], "volumes": [VOLUME]}}}}
        system("patch", DEPLOYMENT, "--type=strategic", "-p", json.dumps(change))
        operator.wait_ready()
        yield
    finally:
        put = [{"op": "replace", "path": "/spec/template", "value": before}]
        system("patch", DEPLOYMENT, "--type=json", "-p", json.dumps(put))
        operator.wait_ready()
        system("delete", "configmap", "clock")


def clock(kubectl: Kubectl, pod: str) -> float:
    """What time it is there."""
    return float(kubectl("exec", pod, "--", "python", "-c", "import time; print(time.time())"))


@pytest.fixture(params=[SKEW, -SKEW], ids=["operator early", "operator late"], scope="module")
def skewed(request: pytest.FixtureRequest, pool: Kubectl, system: Kubectl) -> Iterator[int]:
    """The operator's clock is so many seconds ahead, the workers' behind."""
    operator = OperatorPods(system)
    with skewed_workers(pool, -request.param), skewed_operator(operator, request.param):
        between = clock(system, DEPLOYMENT) - clock(pool, "deploy/e2e-workers")
        assert abs(between - 2 * request.param) < SLACK, f"the clocks are {between:.0f} s apart"
        yield request.param


def passed(pool: Kubectl, name: str, field: str) -> float:
    """Seconds from a Task's creation, as the API server and the broker have it."""
    task = pool.json("ptask", name)
    at, created = task["status"][field], task["metadata"]["creationTimestamp"]
    return (datetime.fromisoformat(at) - datetime.fromisoformat(created)).total_seconds()


def test_tasks_with_time_to_spare_succeed(skewed: int, trial: Trials, judge: Judge, scale: Scale) -> None:
    with trial(f"clocks wrong: operator {skewed:+} s, workers {-skewed:+} s") as it:
        it.create(scale.some // 4)
        it.create(scale.some // 4, delaySeconds=DELAY)
        it.create(scale.some // 4, timeoutSeconds=30)
        it.create(scale.some // 4, deadlineSeconds=60)
        judge(it, patience=SLACK + 30)


def test_a_delay_is_as_long_as_asked_for(skewed: int, pool: Kubectl) -> None:
    name = f"delayed-{abs(skewed + 1)}"
    pool.task(name, "noop", delaySeconds=DELAY)
    assert pool.finished(name, timeout=DELAY + SLACK)["phase"] == "Succeeded"
    assert DELAY - TOLD <= passed(pool, name, "startedAt") < DELAY + SLACK


def test_a_deadline_is_as_late_as_asked_for(skewed: int, pool: Kubectl) -> None:
    name = f"late-{abs(skewed + 1)}"
    pool.task(name, "noop", queue="nobody-serves-this", deadlineSeconds=DELAY)
    status = pool.finished(name, timeout=DELAY + SLACK)
    assert (status["phase"], status["error"]["type"]) == ("Failed", "DeadlineExceeded")
    assert DELAY - TOLD <= passed(pool, name, "finishedAt") < DELAY + SLACK


def test_a_timeout_is_as_short_as_asked_for(skewed: int, pool: Kubectl) -> None:
    name = f"too-slow-{abs(skewed + 1)}"
    pool.task(name, "slow", 60, timeoutSeconds=0.5, retry={"maxAttempts": 1})
    status = pool.finished(name, timeout=SLACK)
    assert (status["phase"], status["error"]["type"]) == ("DeadLettered", "TimedOut")
    assert 0.5 - HEARD <= status["runSeconds"] < SLACK
