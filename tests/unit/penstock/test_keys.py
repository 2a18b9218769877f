from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigurationError
from penstock.keys import (
    PRIORITIES,
    WAKES,
    QueueKeys,
    batch_id,
    batch_uid,
    checked_queue,
    item_id,
    item_of,
    queue_of,
    task_id,
    woken,
)
from penstock.resources.task import Priority

KEYS = QueueKeys("shop", "emails")
names = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True)


@given(names, names, st.text(min_size=1))
def test_an_id_leads_back_to_its_queue(namespace: str, queue: str, unique: str) -> None:
    id = task_id(queue, unique)
    assert queue_of(id) == queue
    assert QueueKeys(namespace, queue).task(id) == f"penstock:{{{namespace}/{queue}}}:task:{unique}"


@pytest.mark.parametrize("wrong", ["", "emails", "emails.", ".1", "emails/1"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"isn't QUEUE\.UNIQUE"):
        queue_of(wrong)


@given(names, names, names, names)
def test_no_key_is_shared_between_queues_or_namespaces(n1: str, q1: str, n2: str, q2: str) -> None:
    if (n1, q1) != (n2, q2):
        assert not {*QueueKeys(n1, q1).fixed} & {*QueueKeys(n2, q2).fixed}


def test_all_keys_of_a_queue_share_one_slot() -> None:
    every = [*KEYS.fixed, KEYS.control, KEYS.done, KEYS.task("emails.1")]
    assert all(key.startswith("penstock:{shop/emails}:") for key in every)


@given(names, names)
def test_a_channel_that_wakes_leads_back_to_its_queue(namespace: str, queue: str) -> None:
    keys = QueueKeys(namespace, queue)
    assert woken(keys.wake) == (namespace, queue)
    assert fnmatchcase(keys.wake, WAKES)
    for other in (keys.control, keys.done, keys.tasks, ""):
        assert woken(other) is None
        assert not fnmatchcase(other, WAKES)


@given(names, st.uuids(), st.integers(0, 10**7))
def test_an_item_leads_back_to_its_batch(queue: str, uid: object, index: int) -> None:
    batch = batch_id(queue, str(uid))
    assert (queue_of(batch), batch_uid(batch)) == (queue, str(uid))
    assert item_of(item_id(batch, index)) == (batch, index)
    keys = QueueKeys("shop", queue).batch(batch)
    assert keys[1:] == (f"{keys[0]}:items", f"{keys[0]}:waiting", f"{keys[0]}:messages")
    assert keys[0] == f"penstock:{{shop/{queue}}}:batch:{uid}"


@pytest.mark.parametrize("id", ["emails.1", "emails.ab.3", "emails.b.u", "emails.b.u.x", "a.b/0f.1"])
def test_other_ids_are_no_items(id: str) -> None:
    assert item_of(id) is None


def test_the_fixed_keys_are_distinct() -> None:
    every = [*KEYS.fixed, KEYS.control, KEYS.done]
    assert len(set(every)) == len(every)


def test_each_fixed_key_has_a_name() -> None:
    assert KEYS.tasks == "penstock:{shop/emails}:tasks"
    assert {KEYS.delayed, KEYS.gated, KEYS.parked, KEYS.dead, KEYS.outbox, KEYS.settings} < set(KEYS.fixed)


def test_a_key_that_there_is_not_has_no_name() -> None:
    with pytest.raises(AttributeError, match="colour"):
        _ = KEYS.colour


@pytest.mark.parametrize("wrong", ["", "Emails", "-emails", "emails_", "a/b", "é", "a" * 64, "a b"])
def test_a_queue_that_no_key_can_hold_is_refused_with_a_remedy(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="use up to 63 lower-case letters"):
        checked_queue(wrong)


@given(names)
def test_other_names_pass(queue: str) -> None:
    assert checked_queue(queue) == queue


def test_one_stream_a_priority_most_urgent_first_then_the_released_and_the_suspects() -> None:
    places = [stream.rsplit(":", 1)[1] for stream in KEYS.streams]
    assert places == ["critical", "high", "normal", "low", "released", "suspect"]
    assert [*PRIORITIES] == [str(priority) for priority in Priority]
