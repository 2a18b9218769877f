"""Whatever bytes come: they are a message, or they are Undecodable. Nothing else may come out of a decoder."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.envelope import Envelope, Undecodable, decode, encode, priority_of, revived

PLAIN = Envelope(id="shop.1", task="shop.send", queue="shop", created_at=1.0)
FIELDS = sorted(field.name for field in msgspec.structs.fields(Envelope))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def read(data: bytes) -> Envelope | None:
    try:
        return decode(data)
    except Undecodable:
        return None


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    read(data)
    revived(data, 1.0)
    priority_of(data)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4))
def test_any_values_in_a_messages_fields(changes: dict[str, Any]) -> None:
    found = read(msgspec.msgpack.encode(msgspec.to_builtins(PLAIN, builtin_types=(bytes,)) | changes))
    if found is not None:
        times = (found.created_at, found.not_before, found.timeout, found.deadline, found.result_ttl, found.expires_at)
        assert all(time is None or (math.isfinite(time) and time >= 0) for time in times)


@given(st.data())
def test_a_message_that_was_damaged(data: st.DataObject) -> None:
    message = bytearray(encode(PLAIN))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(message[: data.draw(st.integers(0, len(message)))]))


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xa1z" + b"\x81\xa1a" * 100_000 + b"\xc0",  # nested too deeply
        b"\x81\xa4task\xa1\xff",  # no UTF-8
        msgspec.msgpack.encode(msgspec.to_builtins(PLAIN) | {"timeout": math.nan}),
        msgspec.msgpack.encode(msgspec.to_builtins(PLAIN) | {"retry": {"max_attempts": 0}}),
        msgspec.msgpack.encode(msgspec.to_builtins(PLAIN) | {"retry": {"initial": math.inf}}),
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(data)
