from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.shallow import CUT, decode_shallow, shallow

plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='ab"\\[]{}é', max_size=6)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


def cut(value: Any, left: int) -> Any:
    """The same by hand."""
    if isinstance(value, list | dict) and not left:
        return json.loads(CUT)
    if isinstance(value, list):
        return [cut(one, left - 1) for one in value]
    if isinstance(value, dict):
        return {name: cut(one, left - 1) for name, one in value.items()}
    return value


@given(values, st.integers(1, 5), st.sampled_from([None, 1]))
def test_what_is_deeper_is_replaced_and_nothing_else(value: Any, most: int, indent: int | None) -> None:
    body = json.dumps(value, indent=indent).encode()
    assert json.loads(shallow(body, most)) == cut(value, most)


@pytest.mark.parametrize("levels", [1_100, 10_000])
def test_one_deep_object_hides_none_of_its_neighbours(levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    found = decode_shallow(msgspec.json.Decoder(list[Any]), b'[{"a": 1}, %b, {"b": "x]"}]' % deep)
    assert (found[0], found[2]) == ({"a": 1}, {"b": "x]"})


def test_a_large_one_takes_no_longer_than_its_size() -> None:
    body = b"[" * 5_000 + b"[]," * 200_000 + b"[]" + b"]" * 5_000
    assert json.loads(CUT) in str(decode_shallow(msgspec.json.Decoder(list[Any]), body))
