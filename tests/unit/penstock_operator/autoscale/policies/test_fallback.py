from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.autoscaling import Autoscaling, Fallback
from penstock_operator.autoscale.policies.fallback import by_fallback
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import fleets


@pytest.mark.parametrize(
    ("wanted", "fallback", "replicas", "reason"),
    [
        (0, None, 0, "BrokerUnreachable"),
        (4, None, 4, "BrokerUnreachable"),
        (0, 3, 3, "Fallback"),
        (2, 3, 3, "Fallback"),
        (3, 3, 3, "BrokerUnreachable"),
        (4, 3, 4, "BrokerUnreachable"),
        (4, 0, 4, "BrokerUnreachable"),
    ],
)
def test_up_to_the_fallback_and_never_down(wanted: int, fallback: int | None, replicas: int, reason: str) -> None:
    auto = Autoscaling(fallback=None if fallback is None else Fallback(replicas=fallback))
    found = by_fallback(auto, Fleet(wanted=wanted))
    assert (found.replicas, found.reason) == (replicas, reason)
    assert "can't be read" in found.message


@given(fleets, st.none() | st.integers(0, 10).map(lambda replicas: Fallback(replicas=replicas)))
def test_unknown_never_shrinks(fleet: Fleet, fallback: Fallback | None) -> None:
    assert by_fallback(Autoscaling(fallback=fallback), fleet).replicas >= fleet.wanted
