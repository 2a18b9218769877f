"""How items come in chunks; how a whole stream is sent stands in test_batch_client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock import batch_stream
from penstock.batch_stream import CHUNK, chunked


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_chunks_are_full_but_for_the_last(count: int) -> None:
    for items in (range(count), numbers(count)):
        chunks = [chunk async for chunk in chunked(items)]
        assert [item for chunk in chunks for item in chunk] == list(range(count))
        assert all(len(chunk) == CHUNK for chunk in chunks[:-1])
        assert [] not in chunks


async def test_what_comes_slowly_comes_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_stream, "PATIENCE_SECONDS", -1.0)
    assert [chunk async for chunk in chunked(numbers(3))] == [[0], [1], [2]]
