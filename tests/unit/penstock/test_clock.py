from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import clock
from penstock.clock import ServerClock, Timekeeper

latencies = st.floats(0, 0.2)


class World:
    """True time, and a process whose clock is wrong by so much."""

    def __init__(self, wrong: float) -> None:
        self.now = 1_000_000.0
        self.wrong = wrong
        self.clock = ServerClock(lambda: self.now + self.wrong)

    def ask(self, there: float, back: float, resolution: float) -> None:
        """A request and its answer."""
        sent = self.clock.own()
        self.now += there
        told = self.now - self.now % resolution if resolution else self.now
        self.now += back
        self.clock.heard(told, sent=sent, resolution=resolution)


def test_before_anything_was_heard_it_is_the_own_clock() -> None:
    assert World(120).clock() == 1_000_120.0


@given(st.floats(-500, 500), st.lists(st.tuples(latencies, latencies, st.floats(0, 5)), min_size=1, max_size=20))
def test_it_is_never_further_off_than_an_answer_leaves_open(
    wrong: float, answers: list[tuple[float, float, float]]
) -> None:
    world = World(wrong)
    for there, back, pause in answers:
        world.now += pause
        world.ask(there, back, 1.0)
        assert abs(world.clock() - world.now) <= min(1.0 + there + back, max(1.4, abs(wrong))) + 1e-6


def test_many_coarse_answers_make_a_fine_one() -> None:
    world = World(120)
    for _ in range(200):
        world.now += 0.137
        world.ask(0.001, 0.001, 1.0)
    assert world.clock() == pytest.approx(world.now, abs=0.02)


def test_a_clock_that_may_be_right_is_left_alone() -> None:
    world = World(0.0)
    for _ in range(50):
        world.now += 0.137
        world.ask(0.01, 0.01, 1.0)
    assert world.clock() == world.now


def test_a_clock_that_was_set_is_found_out() -> None:
    world = World(0.0)
    world.ask(0.001, 0.001, 0.001)
    world.wrong = -3600
    world.ask(0.001, 0.001, 0.001)
    assert world.clock() == pytest.approx(world.now, abs=0.01)


class TestTimekeeper:
    async def test_those_who_need_the_time_at_once_ask_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = 0

        async def ask() -> None:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0)

        keeper = Timekeeper(ask)
        await asyncio.gather(*(keeper.refresh() for _ in range(9)))
        await keeper.refresh()
        assert asked == 1
        monkeypatch.setattr(clock, "FRESH_SECONDS", 0.0)
        await keeper.refresh()
        assert asked == 2

    async def test_who_is_told_nothing_asks_again(self) -> None:
        answers = iter([OSError("gone"), None])

        async def ask() -> None:
            if (answer := next(answers)) is not None:
                raise answer

        keeper = Timekeeper(ask)
        with pytest.raises(OSError, match="gone"):
            await keeper.refresh()
        await keeper.refresh()
