from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.case import Proposal
from penstock_operator.autoscale.policies.mode import by_mode
from tests.unit.penstock_operator.autoscale.cases import spec


def test_auto_decides_itself() -> None:
    assert by_mode(spec(replicas=7)) is None


@pytest.mark.parametrize("mode", ["External", "Off"])
@given(replicas=st.integers(0, 10_000))
def test_otherwise_the_specs_count_is_taken_whatever_the_bounds(mode: str, replicas: int) -> None:
    assert by_mode(spec(replicas=replicas, mode=mode, min_replicas=2, max_replicas=3, paused=True)) == Proposal(
        replicas, f"Mode{mode}", f"autoscaling.mode is {mode}: spec.replicas counts"
    )
