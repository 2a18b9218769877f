"""Operator and workers replaced by newer ones while Tasks are in flight."""

from __future__ import annotations

from tests.e2e.kubectl import Kubectl
from tests.e2e.operator_pods import DEPLOYMENT, OperatorPods
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale
from tests.e2e.test_operator_faults.worker_template import WORKERS, patched
from tests.waiting import wait_sync

PER_SECOND = 30.0


def test_operator_and_workers_are_replaced(
    trial: Trials, judge: Judge, operator: OperatorPods, pool: Kubectl, system: Kubectl, scale: Scale
) -> None:
    old = {pod.uid for pod in operator.all()}
    with trial("operator and workers rolled out anew") as it:
        load = it.create(2 * scale.some, per_second=PER_SECOND, seconds=0.5)
        load.reach(scale.some / 4)
        revision = pool.value(WORKERS, "{.metadata.generation}")
        with patched(pool, env=[{"name": "RELEASE", "value": "next"}]):
            system("rollout", "restart", DEPLOYMENT)
            wait_sync(lambda: pool.value(WORKERS, "{.metadata.generation}") != revision, "new workers")
            pool("rollout", "status", WORKERS, "--timeout=90s")
            operator.wait_ready()
            judge(it)
    assert not old & {pod.uid for pod in operator.all()}
