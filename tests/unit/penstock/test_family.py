"""What children are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import ConfigurationError
from penstock.broker.messages import Lease
from penstock.family import Parent, made_again, parent, running
from penstock.keys import queue_of

calls = st.lists(st.tuples(st.sampled_from(["mail", "oven"]), st.sampled_from("ab"), st.sampled_from([b"1", b"2"])))


def born(id: str, calls: list[tuple[str, str, bytes]], nonce: str = "n") -> list[str]:
    family = Parent(Lease(queue_of(id), id, nonce))
    return [family.child(*call) for call in calls]


@given(calls)
def test_another_attempt_calls_them_the_same_and_no_two_alike(asked: list[tuple[str, str, bytes]]) -> None:
    first = born("shop.1", asked)
    assert born("shop.1", asked, "another") == first
    assert len(set(first)) == len(asked)
    assert [queue_of(id) for id in first] == [queue for queue, _, _ in asked]


@given(calls.flatmap(lambda asked: st.tuples(st.just(asked), st.permutations(asked))))
def test_their_order_makes_no_difference(
    asked: tuple[list[tuple[str, str, bytes]], list[tuple[str, str, bytes]]],
) -> None:
    first, second = (born("shop.1", calls) for calls in asked)
    assert sorted(first) == sorted(second)


@given(calls.filter(len))
def test_those_of_another_parent_are_others(asked: list[tuple[str, str, bytes]]) -> None:
    assert not set(born("shop.1", asked)) & set(born("shop.2", asked))


def test_one_that_is_made_again_is_another_each_time() -> None:
    assert made_again("mail.ab12") == "mail.ab12-2"
    assert made_again("mail.ab12-2") == "mail.ab12-3"
    assert made_again("mail.ab12-10") == "mail.ab12-11"


@pytest.mark.parametrize("found", [None, Parent(Lease("shop", "shop.1", ""))])
def test_without_a_lease_there_are_none(found: Parent | None) -> None:
    token = running.set(found)
    try:
        with pytest.raises(ConfigurationError, match=r"shop\.f: options\(child=True\) is for calls from inside a task"):
            parent("shop.f")
    finally:
        running.reset(token)
