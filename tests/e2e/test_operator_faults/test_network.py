"""The operator's connections to the API server: cut, silent for a while, dead without a word."""

from __future__ import annotations

from contextlib import ExitStack

from tests.e2e.node import Node
from tests.e2e.operator_pods import OperatorPods
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale
from tests.waiting import outlast

PER_SECOND = 40.0
CUT_EVERY = 2.0
# A watch that is silent for longer is given up: the API server sends bookmarks about every minute.
INACTIVITY_SECONDS = 60.0


def test_connections_are_cut_again_and_again(
    trial: Trials, judge: Judge, operator: OperatorPods, node: Node, scale: Scale
) -> None:
    pod = operator.one()
    with trial(f"watch cut every {CUT_EVERY:g} s") as it:
        load = it.create(scale.some, per_second=PER_SECOND / 2)
        for _ in load.beats(CUT_EVERY):
            node.cut(pod.address)
        judge(it)
    assert operator.one() == pod, "the operator didn't mend it by itself: it was restarted"


def test_no_packet_passes_for_a_while(
    trial: Trials, judge: Judge, operator: OperatorPods, node: Node, scale: Scale
) -> None:
    pod = operator.one()
    with trial(f"operator's packets dropped for {scale.outage:g} s") as it:
        with node.silenced(pod.address):
            it.create(scale.some, per_second=PER_SECOND)
            outlast(scale.outage, "the outage's end")
        judge(it, patience=INACTIVITY_SECONDS + scale.patience / 3)
    assert operator.one() == pod, "the operator didn't mend it by itself: it was restarted"


def test_dead_connections_that_nobody_closes(
    trial: Trials, judge: Judge, operator: OperatorPods, node: Node, scale: Scale
) -> None:
    """New ones would work; the operator must find out by itself that it hears nothing."""
    pod = operator.one()
    with trial("watch dead without a word") as it, ExitStack() as dead:
        assert node.connections(pod.address), "the operator has no connection that could die"
        for port in node.connections(pod.address):
            dead.enter_context(node.silenced(pod.address, port=port))
        it.create(scale.some, per_second=PER_SECOND)
        judge(it, patience=INACTIVITY_SECONDS + scale.patience / 3)
    assert operator.one() == pod, "the operator didn't mend it by itself: it was restarted"
