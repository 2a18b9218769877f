from __future__ import annotations

from hypothesis import given

from penstock.resources.autoscaling import Autoscaling
from penstock_operator.autoscale.case import Proposal
from penstock_operator.autoscale.policies.pause import by_pause
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import fleets


@given(fleets)
def test_what_is_paused_stays_as_it_is(fleet: Fleet) -> None:
    auto = Autoscaling(paused=True, min_replicas=2, max_replicas=3)
    assert by_pause(auto, fleet) == Proposal(fleet.wanted, "Paused", "autoscaling.paused is true: the count is held")


@given(fleets)
def test_what_is_not_is_for_others_to_decide(fleet: Fleet) -> None:
    assert by_pause(Autoscaling(), fleet) is None
