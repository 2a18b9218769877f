from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.backlog import by_backlog
from penstock_operator.autoscale.signals import Work
from tests.unit.penstock_operator.autoscale.cases import amounts, case, works


@pytest.mark.parametrize(("backlog", "replicas"), [(0, 0), (1, 1), (10, 1), (10.5, 2), (11, 2), (1000, 100)])
def test_ten_tasks_a_replica_unless_told_otherwise(backlog: float, replicas: int) -> None:
    assert by_backlog(case(Work(waiting=backlog))).replicas == replicas


def test_what_waits_is_due_or_runs_counts_and_what_is_barred_does_not() -> None:
    work = Work(waiting=6, due=3, in_flight=4, barred=500)
    found = by_backlog(case(work, target={"backlogPerReplica": 5}))
    assert (found.replicas, found.reason) == (2, "Backlog")
    assert "10 tasks, 5 for each replica" in found.message


@given(works(), st.integers(1, 1000))
def test_no_replica_gets_more_than_its_share_and_none_is_too_many(work: Work, each: int) -> None:
    replicas = by_backlog(case(work, target={"backlogPerReplica": each})).replicas
    assert replicas * each >= work.backlog
    assert math.ceil(work.backlog) > (replicas - 1) * each


@given(amounts, amounts)
def test_more_work_never_asks_for_less(backlog: float, more: float) -> None:
    assert by_backlog(case(Work(backlog + more))).replicas >= by_backlog(case(Work(backlog))).replicas
