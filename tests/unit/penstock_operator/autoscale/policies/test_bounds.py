from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.bounds import bounded
from tests.unit.penstock_operator.autoscale.cases import case, proposed


@pytest.mark.parametrize(
    ("asked", "replicas", "reason"),
    [(0, 2, "AtMinReplicas"), (2, 2, "Backlog"), (5, 5, "Backlog"), (7, 7, "Backlog"), (8, 7, "AtMaxReplicas")],
)
def test_within_both(asked: int, replicas: int, reason: str) -> None:
    found = bounded(proposed(asked), case(min_replicas=2, max_replicas=7))
    assert (found.replicas, found.reason) == (replicas, reason)


def test_the_message_names_the_field() -> None:
    assert "autoscaling.minReplicas is 2" in bounded(proposed(0), case(min_replicas=2)).message
    assert "autoscaling.maxReplicas is 10" in bounded(proposed(11), case()).message


@given(st.integers(0, 10_000), st.integers(0, 50), st.integers(0, 50), st.integers(0, 99))
def test_always(asked: int, least: int, more: int, current: int) -> None:
    most = max(1, least + more)
    found = bounded(proposed(asked), case(current=current, min_replicas=least, max_replicas=most))
    assert found.replicas == min(most, max(least, asked))
