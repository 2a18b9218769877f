from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.worker.slots import Slots


async def waiting(slots: Slots, order: int) -> asyncio.Task[int]:
    task = asyncio.create_task(slots.take(order))
    await asyncio.sleep(0)
    return task


async def test_free_places_are_taken_all_at_once() -> None:
    slots = Slots(3)
    assert await slots.take(0) == 3
    assert (slots.free, slots.busy) == (0, 3)


async def test_who_finds_none_waits_for_the_next() -> None:
    slots = Slots(2)
    await slots.take(0)
    second = await waiting(slots, 0)
    assert not second.done()
    slots.give_back()
    assert await second == 1


async def test_the_first_queue_in_order_is_served_first() -> None:
    slots = Slots(1)
    await slots.take(0)
    last, first, middle = [await waiting(slots, order) for order in (2, 0, 1)]
    slots.give_back()
    assert await first == 1
    assert not last.done()
    assert not middle.done()
    slots.give_back()
    assert await middle == 1


async def test_equals_are_served_as_they_came() -> None:
    slots = Slots(1)
    await slots.take(0)
    first, second = [await waiting(slots, 0) for _ in range(2)]
    slots.give_back()
    assert await first == 1
    assert not second.done()


async def test_who_stops_waiting_takes_nothing() -> None:
    slots = Slots(1)
    await slots.take(0)
    gone, stays = [await waiting(slots, order) for order in (0, 1)]
    gone.cancel()
    slots.give_back()
    assert await stays == 1


async def test_what_was_given_to_somebody_who_left_goes_to_the_next() -> None:
    slots = Slots(1)
    await slots.take(0)
    gone, stays = [await waiting(slots, order) for order in (0, 1)]
    slots.give_back()
    gone.cancel()  # before it could wake up
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await stays == 1


async def test_closing_sends_everybody_home() -> None:
    slots = Slots(1)
    await slots.take(0)
    before = await waiting(slots, 0)
    slots.close()
    assert await before == 0
    slots.give_back()
    assert await slots.take(0) == 0
    assert slots.take_now(1) == 0
    assert slots.free == 1


@given(st.integers(0, 20), st.integers(0, 20))
def test_taking_without_waiting_takes_what_there_is(total: int, wanted: int) -> None:
    slots = Slots(total)
    assert slots.take_now(wanted) == min(total, wanted)
    assert slots.free + slots.busy == total


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["take", "back", "cancel"]))))
def test_no_place_is_ever_lost_or_doubled(total: int, steps: list[tuple[int, str]]) -> None:
    async def check() -> None:
        slots, held = Slots(total), 0
        takers: list[asyncio.Task[int]] = []
        for order, step in steps:
            if step == "take":
                takers.append(asyncio.create_task(slots.take(order)))
            elif step == "cancel" and takers:
                takers.pop().cancel()
            elif step == "back" and held:
                held -= 1
                slots.give_back()
            for _ in range(3):
                await asyncio.sleep(0)
            done = [taker for taker in takers if taker.done()]
            takers = [taker for taker in takers if not taker.done()]
            held += sum(taker.result() for taker in done)
            assert slots.busy == held
            assert not (slots.free and takers)  # nobody waits beside a free place
        slots.close()
        await asyncio.gather(*takers)

    asyncio.run(check())
