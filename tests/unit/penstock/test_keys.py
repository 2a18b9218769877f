from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigurationError
from penstock.keys import PRIORITIES, QueueKeys, queue_of, task_id
from penstock.resources.task import Priority

KEYS = QueueKeys("shop", "emails")
names = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True)


@given(names, names, st.text(min_size=1))
def test_an_id_leads_back_to_its_queue(namespace: str, queue: str, unique: str) -> None:
    id = task_id(queue, unique)
    assert queue_of(id) == queue
    assert QueueKeys(namespace, queue).task(id) == f"penstock:{{{namespace}/{queue}}}:task:{unique}"


@pytest.mark.parametrize("wrong", ["", "emails", "emails/", "/1"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="isn't QUEUE/UNIQUE"):
        queue_of(wrong)


@given(names, names, names, names)
def test_no_key_is_shared_between_queues_or_namespaces(n1: str, q1: str, n2: str, q2: str) -> None:
    if (n1, q1) != (n2, q2):
        assert not {*QueueKeys(n1, q1).fixed} & {*QueueKeys(n2, q2).fixed}


def test_all_keys_of_a_queue_share_one_slot() -> None:
    every = [*KEYS.fixed, *KEYS.shared, KEYS.control, KEYS.done, KEYS.task("emails/1")]
    assert all(key.startswith("penstock:{shop/emails}:") for key in every)


def test_the_fixed_keys_are_distinct() -> None:
    assert len(set(KEYS.fixed)) == len(KEYS.fixed)
    assert set(KEYS.shared) < set(KEYS.fixed)


def test_one_stream_a_priority_most_urgent_first() -> None:
    assert [stream.rsplit(":", 1)[1] for stream in KEYS.streams] == ["critical", "high", "normal", "low"]
    assert [*PRIORITIES] == [str(priority) for priority in Priority]
