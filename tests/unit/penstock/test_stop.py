from __future__ import annotations

import signal

from hypothesis import given
from hypothesis import strategies as st

from penstock.stop import HURRY_SECONDS, Stop, Wish, until, wish

times = st.floats(0, 1e9)
patiences = st.floats(0, 1e5)


def test_each_signal_asks_for_more() -> None:
    assert [wish(signals) for signals in range(1, 6)] == [Wish.DRAIN, Wish.HAND_BACK, *[Wish.LEAVE] * 3]


@given(times, patiences)
def test_a_drain_has_its_patience(now: float, patience: float) -> None:
    assert until(None, Wish.DRAIN, now, patience) == now + patience


@given(times, times, patiences, st.sampled_from(Wish))
def test_nothing_puts_the_end_off(before: float, now: float, patience: float, asked: Wish) -> None:
    assert until(before, asked, now, patience) <= max(before, now)


@given(times, times, patiences)
def test_handing_back_takes_a_few_seconds_and_leaving_none(before: float, now: float, patience: float) -> None:
    assert until(before, Wish.HAND_BACK, now, patience) <= now + HURRY_SECONDS
    assert until(before, Wish.LEAVE, now, patience) == now


def test_how_to_hurry_is_told_as_it_was_stopped() -> None:
    stop = Stop()
    assert stop.hint == ""
    stop.by = signal.SIGINT
    assert stop.hint == "; Ctrl-C again hands them back now"
    stop.by = signal.SIGTERM
    assert stop.hint == "; SIGTERM again hands them back now"
