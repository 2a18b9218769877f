from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.rollout import settled
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import case, fleets, proposed


@pytest.mark.parametrize(("asked", "replicas"), [(0, 0), (1, 5), (4, 5), (5, 5), (6, 6)])
def test_during_a_rollout_only_out_or_to_nothing(asked: int, replicas: int) -> None:
    found = settled(proposed(asked), case(fleet=Fleet(wanted=5, rolling_out=True)))
    assert found.replicas == replicas
    assert found.reason == ("RollingOut" if replicas != asked else "Backlog")


@given(st.integers(0, 60), fleets)
def test_it_never_takes_away(asked: int, fleet: Fleet) -> None:
    found = settled(proposed(asked), case(fleet=fleet)).replicas
    assert found >= asked
    if not fleet.rolling_out:
        assert found == asked
    elif asked:
        assert found == max(asked, fleet.wanted)
