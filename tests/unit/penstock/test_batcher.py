from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.batcher import Batcher
from penstock.errors import TooLarge


class Act:
    """Doubles numbers; a closed gate holds a batch back."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.began.set()
        await self.gate.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return [item * 2 for item in items]


async def test_a_lone_caller_is_a_batch_of_one() -> None:
    act = Act()
    assert await Batcher(act)(21) == 42
    assert act.batches == [[21]]


async def test_what_comes_while_a_batch_is_under_way_is_the_next_one() -> None:
    act = Act()
    act.gate.clear()
    batcher = Batcher(act)
    first = asyncio.create_task(batcher(0))
    await act.began.wait()
    more = [asyncio.create_task(batcher(n)) for n in range(1, 6)]
    await asyncio.sleep(0)  # lets them hand over their items
    act.gate.set()
    assert [await task for task in (first, *more)] == [0, 2, 4, 6, 8, 10]
    assert act.batches == [[0], [1, 2, 3, 4, 5]]


@given(st.lists(st.integers(), max_size=40), st.integers(1, 10))
def test_each_caller_gets_its_own_answer_and_no_batch_exceeds_the_limit(items: list[int], limit: int) -> None:
    async def check() -> None:
        act = Act()
        batcher = Batcher(act, limit=limit)
        assert await asyncio.gather(*map(batcher, items)) == [item * 2 for item in items]
        assert [item for batch in act.batches for item in batch] == items
        assert all(len(batch) <= limit for batch in act.batches)

    asyncio.run(check())


async def test_an_error_reaches_every_caller_of_its_batch_and_no_other() -> None:
    act = Act()
    act.error = ValueError("refused")
    batcher = Batcher(act, limit=2)
    results = await asyncio.gather(*map(batcher, range(4)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int, int]
    assert await batcher(5) == 10


async def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    act = Act()
    act.gate.clear()
    batcher = Batcher(act)
    callers = [asyncio.create_task(batcher(n)) for n in range(3)]
    await act.began.wait()
    callers[1].cancel()
    act.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [results[0], results[2]] == [0, 4]
    assert act.batches == [[0, 1, 2]]  # the item isn't taken back


async def test_closing_waits_for_what_is_under_way() -> None:
    act = Act()
    act.gate.clear()
    batcher = Batcher(act)
    caller = asyncio.create_task(batcher(1))
    await act.began.wait()
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    assert not closing.done()
    act.gate.set()
    await closing
    assert await caller == 2


async def test_an_unused_batcher_closes() -> None:
    await Batcher(Act()).close()


async def test_too_few_answers_are_an_error_of_every_caller() -> None:
    async def forgetful(items: list[int]) -> list[int]:
        return []

    with pytest.raises(ValueError, match="zip"):
        await asyncio.wait_for(Batcher(forgetful)(1), 0.2)


async def test_what_is_refused_fails_its_own_caller_alone() -> None:
    async def act(items: list[int]) -> list[int]:
        if 2 in items:
            raise TooLarge("2 is too large")
        return [item * 2 for item in items]

    batcher = Batcher(act)
    answers = await asyncio.gather(*map(batcher, (1, 2, 3)), return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], TooLarge)
