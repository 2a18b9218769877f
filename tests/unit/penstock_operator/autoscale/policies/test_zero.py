from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.policies.zero import awake
from penstock_operator.autoscale.signals import Fleet, Work
from tests.unit.penstock_operator.autoscale.cases import NOW, case, proposed


def since(seconds: float, replicas: int = 3) -> History:
    return History(NOW - seconds, ((NOW - 9999, replicas),), ((NOW - 9999, replicas),))


@pytest.mark.parametrize(
    ("seconds", "idle", "replicas"), [(0, 30, 1), (29.9, 30, 1), (30, 30, 0), (31, 30, 0), (0, 0, 0), (99, 86_400, 1)]
)
def test_the_step_to_zero_waits(seconds: float, idle: float, replicas: int) -> None:
    found = awake(proposed(0), case(history=since(seconds), idle_seconds=idle))
    assert found.replicas == replicas
    assert found.reason == ("CoolingDown" if replicas else "Backlog")


def test_not_while_a_worker_holds_a_task() -> None:
    found = awake(proposed(0), case(fleet=Fleet(wanted=3, ready=3, busy=2), history=since(9999)))
    assert (found.replicas, found.reason) == (1, "WorkInFlight")
    assert "2 workers" in found.message


def test_what_is_barred_needs_no_worker() -> None:
    assert awake(proposed(0), case(Work(barred=500), history=since(30))).replicas == 0


def test_who_sleeps_is_left_asleep() -> None:
    assert awake(proposed(0), case(history=since(0, replicas=0))).replicas == 0


@given(st.integers(1, 100), st.floats(0, 1e5), st.integers(0, 5))
def test_any_other_step_is_not_its_concern(replicas: int, seconds: float, busy: int) -> None:
    there = case(fleet=Fleet(busy=busy), history=since(seconds))
    assert awake(proposed(replicas), there) == proposed(replicas)
