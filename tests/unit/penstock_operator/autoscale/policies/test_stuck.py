from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.policies.stuck import unstuck
from penstock_operator.autoscale.signals import Fleet
from tests.unit.penstock_operator.autoscale.cases import case, fleets, proposed


@pytest.mark.parametrize(("wanted", "replicas"), [(0, 1), (1, 1), (4, 4)])
def test_while_no_pod_starts_there_are_no_more(wanted: int, replicas: int) -> None:
    fleet = Fleet(wanted=wanted, trouble="ImagePullBackOff: no such tag", broken=True)
    found = unstuck(proposed(9), case(fleet=fleet))
    assert (found.replicas, found.reason) == (replicas, "PodsCannotStart")
    assert "no such tag" in found.message


@pytest.mark.parametrize(
    "fleet",
    [
        Fleet(wanted=4, ready=1, trouble="CrashLoopBackOff", broken=True),  # one success is the sign to go on
        Fleet(wanted=4, trouble="FailedScheduling: no node"),  # more room may come, if it is asked for
        Fleet(wanted=4),
    ],
)
def test_in_any_other_case_it_goes_on(fleet: Fleet) -> None:
    assert unstuck(proposed(9), case(fleet=fleet)) == proposed(9)


@given(st.integers(0, 60), fleets)
def test_it_never_takes_away_what_there_is_nor_adds_to_what_is_asked(asked: int, fleet: Fleet) -> None:
    found = unstuck(proposed(asked), case(fleet=fleet)).replicas
    assert min(asked, max(1, fleet.wanted)) <= found <= asked
