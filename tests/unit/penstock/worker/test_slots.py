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


# --- room for a suspect -----------------------------------------------------------------------------------------------

PATIENCE = 60.0


async def test_a_suspect_waits_until_all_places_are_free_and_gets_them_all() -> None:
    slots = Slots(3)
    assert slots.take_now(2) == 2
    slots.gather(PATIENCE)
    assert slots.take_now(1) == 0
    suspect = await waiting(slots, 0)
    slots.give_back()
    await asyncio.sleep(0)
    assert not suspect.done()
    slots.give_back()
    assert await suspect == 3


async def test_gathering_ends_with_its_patience() -> None:
    slots = Slots(2)
    assert slots.take_now(1) == 1
    slots.gather(0.01)
    assert await asyncio.wait_for(slots.take(0), 5) == 1
    assert slots.overdue


async def test_what_was_gathered_in_time_is_not_overdue() -> None:
    slots = Slots(2)
    assert slots.take_now(1) == 1
    slots.gather(0.01)
    suspect = await waiting(slots, 0)
    slots.give_back()
    assert await suspect == 2
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slots.take(0), 0.05)
    assert not slots.overdue


async def test_once_all_places_were_handed_out_gathering_is_over() -> None:
    slots = Slots(2)
    assert slots.take_now(1) == 1
    slots.gather(PATIENCE)
    suspect = await waiting(slots, 0)
    slots.give_back()
    assert await suspect == 2
    slots.give_back()
    assert slots.take_now(1) == 1


async def test_it_is_over_too_where_nobody_waited_for_them() -> None:
    slots = Slots(2)
    assert slots.take_now(1) == 1
    slots.gather(PATIENCE)
    slots.give_back()
    assert await slots.take(0) == 2
    slots.give_back()
    assert slots.take_now(1) == 1


async def test_where_all_is_free_there_is_nothing_to_gather() -> None:
    slots = Slots(2)
    slots.gather(PATIENCE)
    assert slots.take_now(1) == 1
    assert slots.take_now(1) == 1


async def test_closing_while_it_gathers_sends_everybody_home() -> None:
    slots = Slots(2)
    slots.take_now(1)
    slots.gather(PATIENCE)
    suspect = await waiting(slots, 0)
    slots.close()
    assert await suspect == 0


async def test_places_that_end_together_are_one_grant() -> None:
    slots = Slots(3)
    await slots.take(0)
    first, second = [await waiting(slots, order) for order in (0, 1)]
    for _ in range(3):
        slots.give_back()
    assert await first == 3
    assert not second.done()
    slots.close()
    assert await second == 0
