"""The operator killed again and again while Tasks come in."""

from __future__ import annotations

from tests.e2e.kubectl import Kubectl
from tests.e2e.node import Node
from tests.e2e.operator_pods import SELECTOR, OperatorPods
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale

PER_SECOND = 40.0


def test_killed_every_few_seconds(
    trial: Trials, judge: Judge, operator: OperatorPods, node: Node, scale: Scale
) -> None:
    kills = 0
    with trial(f"operator killed every {scale.kill_every:g} s") as it:
        load = it.create(scale.tasks, per_second=PER_SECOND)
        for _ in load.beats(scale.kill_every):
            kills += node.kill(operator.one().uid)
        judge(it)
    assert kills >= 4


def test_its_pod_deleted_by_force(trial: Trials, judge: Judge, system: Kubectl, scale: Scale) -> None:
    with trial("operator's pod deleted by force") as it:
        load = it.create(scale.some, per_second=PER_SECOND)
        load.reach(scale.some / 4)
        system("delete", "pod", "-l", SELECTOR, "--grace-period=0", "--force")
        judge(it)
