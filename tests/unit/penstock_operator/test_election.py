from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.kube import Manifest
from penstock_operator.election import free, held_by_another, observed, released, taken

ME, OTHER = "pod-a_1", "pod-b_1"


def lease(holder: str = "", transitions: int = 0) -> Manifest:
    return taken({"metadata": {}}, holder, duration=3, least_epoch=transitions, at=0) if holder else {"metadata": {}}


def test_one_that_nobody_holds_is_free() -> None:
    assert free(observed(None, lease(), 0), ME, 0)
    assert free(observed(None, released(lease(OTHER)), 0), ME, 0)


def test_one_that_is_renewed_is_not() -> None:
    first = observed(None, lease(OTHER), 0)
    renewed = observed(first, lease(OTHER) | {"spec": lease(OTHER)["spec"] | {"renewTime": "later"}}, 2.9)
    assert not free(renewed, ME, 5.0)
    assert free(renewed, ME, 6.0)


def test_its_time_counts_from_the_first_look_by_the_own_clock() -> None:
    seen = observed(None, lease(OTHER), 1000.0)  # whatever the holder's clock says
    seen = observed(seen, lease(OTHER), 1002.0)
    assert not free(seen, ME, 1003.0)
    assert free(seen, ME, 1003.1)


def test_the_next_process_in_the_same_pod_need_not_wait() -> None:
    assert free(observed(None, lease("pod-a_0"), 0), ME, 0)


def test_another_holds_it() -> None:
    assert held_by_another(observed(None, lease(OTHER), 0), ME)
    assert not held_by_another(observed(None, lease(ME), 0), ME)
    assert not held_by_another(observed(None, lease(), 0), ME)


@given(st.lists(st.tuples(st.sampled_from([ME, OTHER, "pod-a_2"]), st.integers(0, 5)), max_size=20))
def test_the_epoch_grows_with_each_change_of_hands_and_only_then(holders: list[tuple[str, int]]) -> None:
    now: Manifest = {"metadata": {}}
    for holder, least in holders:
        before = now.get("spec", {})
        now = taken(now, holder, duration=3, least_epoch=least, at=1)
        epoch, old = now["spec"]["leaseTransitions"], before.get("leaseTransitions", 0)
        assert epoch >= least
        assert epoch > old if before.get("holderIdentity") != holder else epoch == max(old, least)


def test_a_renewal_keeps_the_time_of_acquisition() -> None:
    again = taken(lease(ME), ME, duration=3, least_epoch=0, at=60)
    assert again["spec"]["acquireTime"] == lease(ME)["spec"]["acquireTime"]
    assert again["spec"]["renewTime"] != lease(ME)["spec"]["renewTime"]
