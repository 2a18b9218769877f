from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.tolerance import tolerated
from tests.unit.penstock_operator.autoscale.cases import case, proposed

replicas = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("current", "asked", "replicas"),
    [
        (10, 9, 10),
        (10, 8, 8),
        (9, 8, 8),
        (1, 0, 0),
        (100, 90, 100),
        (100, 89, 89),
        (100, 101, 101),
        (0, 1, 1),
        (0, 0, 0),
    ],
)
def test_a_tenth_less_is_not_worth_it(current: int, asked: int, replicas: int) -> None:
    assert tolerated(proposed(asked), case(current=current)).replicas == replicas


def test_it_says_so() -> None:
    found = tolerated(proposed(9), case(current=10))
    assert found.reason == "WithinTolerance"
    assert found.message == "so many tasks; 10 are within 10% of that"


@given(replicas, replicas)
def test_it_only_ever_keeps_what_there_is(current: int, asked: int) -> None:
    found = tolerated(proposed(asked), case(current=current)).replicas
    assert found in (asked, current)
    assert found >= asked


@given(replicas, replicas, replicas)
def test_more_stays_more(current: int, one: int, other: int) -> None:
    found = [tolerated(proposed(asked), case(current=current)).replicas for asked in sorted((one, other))]
    assert found == sorted(found)
