from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.chart import ASCII, BLOCKS, SCALE, Ink, columns, drawn

figures = st.none() | st.floats(0, 1e6, allow_nan=False)


def chart(values: list[float | None], marks: list[float | None] | None = None, ink: Ink = BLOCKS) -> list[str]:
    rows = drawn(values, marks=marks or [], ink=ink, height=3, left="then", right="now")
    return [row[SCALE + 2 :].rstrip() for row in rows]


def test_columns_are_as_high_as_their_values() -> None:
    assert chart([0, 1, 2, 3, 1.5, 6]) == [
        "     █",
        "   ▄ █",
        " ▄██▆█",
        "──────",
        "then now",
    ]


def test_little_is_not_nothing_and_unknown_is_neither() -> None:
    assert chart([0, 0.01, None, 100])[2] == " ▁·█"


def test_what_is_wanted_is_marked_above_what_is() -> None:
    top, middle, bottom, *_ = chart([1, 3, 1], [3, 3, 1])
    assert (top, middle, bottom) == ("╌█", " █", "███")


def test_plain_ascii() -> None:
    rows = drawn([0, 1, None, 4], marks=[4, None, None, 4], ink=ASCII, height=3, left="a", right="b")
    assert "\n".join(rows).isascii()
    assert rows[0].startswith("    4 |")


def test_the_scale_fits() -> None:
    for top in (0, 1, 12, 999, 999.7, 1000, 12_345, 1_000_000):
        rows = drawn([top], ink=BLOCKS, height=4, left="a", right="b")
        assert {row.index("│") for row in rows[:-1]} == {SCALE + 1}, top


@given(st.lists(figures, min_size=1, max_size=50), st.integers(2, 8))
def test_every_row_has_every_column(values: list[float | None], height: int) -> None:
    rows = drawn(values, ink=BLOCKS, height=height, left="", right="")
    assert len(rows) == height + 2
    assert {len(row) for row in rows[: height + 1]} == {len(values) + SCALE + 2}


def test_spans_take_the_most_that_was_known_in_them() -> None:
    figures: list[tuple[float, float | None]] = [(0, 1.0), (15, 7.0), (30, None), (45, 2.0)]
    assert columns(figures, 15, 0, 60, 2) == [7.0, 2.0]
    assert columns(figures, 15, 0, 60, 4) == [1.0, 7.0, None, 2.0]
    assert columns(figures, 15, -30, 60, 3) == [None, 7.0, 2.0]


def test_a_figure_holds_for_its_step() -> None:
    assert columns([(0, 1.0), (15, 2.0)], 15, 0, 30, 6) == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
