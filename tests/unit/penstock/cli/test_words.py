from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.words import json_or_text, json_values, keywords
from penstock.culprit import MAX_DEPTH
from penstock.errors import BadArgument

PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(PLAIN | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(VALUES)
def test_json_is_what_it_says(value: object) -> None:
    assert json_or_text(json.dumps(value), "argument 1") == value


@pytest.mark.parametrize("word", ["paris", "", "nan", "01", "{", "[1,", "'quoted'", "2026-01-01", "straße", "-", "+1"])
def test_anything_else_is_text(word: str) -> None:
    assert json_or_text(word, "argument 1") == word


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("NaN", "NaN isn't JSON; for text, quote it"),
        ("-Infinity", "-Infinity isn't JSON"),
        ("[NaN]", "NaN isn't JSON; use null"),
        ('{"a": Infinity}', "Infinity isn't JSON; use null"),
        ("1e999", "1e999 is too large for a number; send it as text"),
        ("9" * 5000, "9… has more than 64 bits; send it as text"),
        (str(2**63), "has more than 64 bits"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), f"nested deeper than {MAX_DEPTH} levels"),
        ("[" * 100_000 + "]" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 3000 + "1" + "}" * 3000, f"nested deeper than {MAX_DEPTH} levels"),
        ("caf\udce9", "isn't UTF-8; send bytes as base64"),
        ("a\0b", "has a NUL character"),
    ],
)
def test_what_nothing_can_carry_is_told_with_its_place(word: str, why: str) -> None:
    with pytest.raises(BadArgument) as told:
        json_values(["1", word])
    assert str(told.value).startswith("argument 2")
    assert why in str(told.value)
    assert len(str(told.value)) < 300


@given(st.text(max_size=50))
def test_any_word_is_a_value_or_refused(word: str) -> None:
    try:
        json.dumps(json_or_text(word, "argument 1"), allow_nan=False).encode()
    except BadArgument as error:
        said = str(error)
    else:
        said = "argument 1"
    assert said.startswith("argument 1")


def test_keywords_are_an_object() -> None:
    assert keywords('{"locale": "en"}') == {"locale": "en"}


@pytest.mark.parametrize("text", ["", "[]", "7", "locale=en", "null", "{'a': 1}", '{"a": NaN}'])
def test_other_keywords_are_told(text: str) -> None:
    with pytest.raises(BadArgument, match=r"^--kwargs"):
        keywords(text)
