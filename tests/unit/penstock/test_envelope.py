from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.envelope import VERSION, Envelope, ResourceRef, Undecodable, Unique, decode, encode, priority_of
from penstock.keys import PRIORITIES
from penstock.retry import RetryPolicy

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
seconds = st.floats(0, 1e10)
counts = st.integers(1, 10**9)
envelopes = st.builds(
    Envelope,
    id=text,
    task=text,
    queue=text,
    payload=st.binary(),
    priority=st.sampled_from(PRIORITIES),
    created_at=seconds,
    not_before=st.none() | seconds,
    timeout=st.none() | seconds,
    deadline=st.none() | seconds,
    retry=st.none() | st.builds(RetryPolicy, counts, seconds, st.floats(1, 1e10), seconds, st.booleans()),
    result_ttl=st.none() | seconds,
    traceparent=st.none() | text,
    resource=st.none() | st.builds(ResourceRef, text, text, text, counts, counts),
    expires_at=st.none() | seconds,
    key=st.none() | text,
    unique=st.none()
    | st.builds(Unique, text, st.sampled_from(["started", "finished", "expired"]), seconds, st.booleans()),
)
PLAIN = Envelope(id="shop.1", task="shop.send", queue="shop", created_at=1.0)


@given(envelopes)
def test_an_envelope_arrives_as_it_was_sent(envelope: Envelope) -> None:
    assert decode(encode(envelope)) == envelope


def test_what_is_unset_takes_no_room() -> None:
    assert msgspec.msgpack.decode(encode(PLAIN)) == {
        "id": "shop.1",
        "task": "shop.send",
        "queue": "shop",
        "created_at": 1.0,
    }


@given(st.binary())
def test_garbage_is_undecodable_and_nothing_else(data: bytes) -> None:
    with pytest.raises(Undecodable, match="not an envelope"):
        decode(data)


@given(envelopes, st.data())
def test_a_cut_message_is_undecodable(envelope: Envelope, data: st.DataObject) -> None:
    message = encode(envelope)
    with pytest.raises(Undecodable):
        decode(message[: data.draw(st.integers(0, len(message) - 1))])


def test_a_newer_version_says_what_to_do() -> None:
    newer = encode(msgspec.structs.replace(PLAIN, v=VERSION + 1))
    with pytest.raises(Undecodable, match=f"version {VERSION + 1} is newer than this worker's {VERSION}: upgrade"):
        decode(newer)


def test_fields_that_a_later_release_adds_are_ignored() -> None:
    fields = msgspec.msgpack.decode(encode(PLAIN)) | {"colour": "red"}
    assert decode(msgspec.msgpack.encode(fields)) == PLAIN


@pytest.mark.parametrize("missing", ["id", "task", "queue", "created_at"])
def test_what_an_envelope_must_say(missing: str) -> None:
    fields = msgspec.msgpack.decode(encode(PLAIN))
    del fields[missing]
    with pytest.raises(Undecodable, match=missing):
        decode(msgspec.msgpack.encode(fields))


@given(envelopes)
def test_the_priority_of_a_message_is_read(envelope: Envelope) -> None:
    assert priority_of(encode(envelope)) == envelope.priority


@given(st.binary())
def test_the_priority_of_garbage_is_the_usual_one(data: bytes) -> None:
    assert priority_of(data) == "normal"
