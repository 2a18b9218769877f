from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.indexes import ELLIPSIS, compressed, expanded, marked

LIMIT = 64
items = st.lists(st.sampled_from([b"\0", b"q", b"s", b"f", b"c"]), max_size=200).map(b"".join)


@pytest.mark.parametrize(
    ("text", "indexes"),
    [("", []), ("0", [0]), ("1,2", [1, 2]), ("1,3-5,7", [1, 3, 4, 5, 7]), ("0-2,9,10", [0, 1, 2, 9, 10])],
)
def test_three_or_more_in_a_row_are_compressed(text: str, indexes: list[int]) -> None:
    assert compressed(bytes(102 if index in indexes else 0 for index in range(12)), b"f", LIMIT) == text
    assert expanded(text) == indexes


@given(items)
def test_nothing_is_lost_where_it_fits(items: bytes) -> None:
    assert expanded(compressed(items, b"f", 10_000)) == list(marked(items, b"f"))


@given(items, st.integers(16, 60))
def test_what_does_not_fit_is_cut_after_a_whole_entry(items: bytes, limit: int) -> None:
    text, all_of_it = compressed(items, b"f", limit), list(marked(items, b"f"))
    assert len(text) <= limit
    assert expanded(text) == all_of_it[: len(expanded(text))]
    assert text.endswith(ELLIPSIS) == (len(compressed(items, b"f", 10_000)) > limit)


def test_a_hundred_thousand_are_told_at_once() -> None:
    assert compressed(b"fs" * 50_000, b"f", 1024).startswith("0,2,4,6,")
    assert compressed(b"f" * 100_000, b"f", 1024) == "0-99999"
