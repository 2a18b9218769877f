"""What must type-check, and what must not: checked by mypy (an unused `type: ignore` is an error) and by pyright (see
pyrightconfig.json), never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Annotated, assert_type

from penstock import (
    BatchHandle,
    Depends,
    Flow,
    Handle,
    Penstock,
    PenstockError,
    Signature,
    TaskContext,
    chord,
    each,
    group,
    previous,
)
from penstock.flow import Many

app = Penstock("shop")


async def connection() -> AsyncIterator[int]:
    yield 1


def file() -> Iterator[bytes]:
    yield b""


async def user() -> str:
    return ""


def number() -> float:
    return 1.0


@app.task
async def send(
    to: str,
    times: int = 1,
    *,
    line: int = Depends(connection),
    attached: bytes = Depends(file),
    by: str = Depends(user),
    rate: float = Depends(number),
    context: TaskContext = TaskContext(),
) -> list[str]:
    return [to] * times


@app.task(queue="mail", max_attempts=3)
def count(words: str) -> int:
    return len(words)


@app.task
async def joined(words: list[str], between: str = " ") -> str:
    return between.join(words)


@app.task
async def biggest(numbers: list[int]) -> int:
    return max(numbers)


@app.task(retry_on=ValueError, give_up_on=[KeyError], timeout=timedelta(minutes=1))
def smallest(numbers: list[int]) -> int:
    return min(numbers)


@app.task
async def print_nothing() -> None: ...


@app.task
async def annotated(words: str, by: Annotated[str, Depends(user)] = "") -> None: ...


async def right() -> None:
    handle = await send.enqueue("me", times=2)
    assert_type(handle, Handle[list[str]])
    assert_type(await handle.result(timeout=1), list[str])
    assert_type(count.enqueue_sync("a").result_sync(), int)
    assert_type(await count.options(priority="high", delay=5).enqueue("a"), Handle[int])
    assert_type(await count.options(delay=timedelta(hours=1), id="a").enqueue("a"), Handle[int])
    assert_type(count.s("a"), Signature[int])
    assert_type(await app.enqueue_many(count.s(word) for word in "ab"), list[Handle[int]])
    assert_type(await app.gather([handle]), list[list[str]])
    async for done in app.as_completed([handle]):
        assert_type(done, Handle[list[str]])
    assert_type(count("here"), int)
    assert_type(await send("here"), list[str])
    await annotated.enqueue("a")


async def flows() -> None:
    assert_type(send.s("me") | joined, Flow[str])
    assert_type(send.s("me") | joined | count, Flow[int])
    assert_type(await (send.s("me") | joined).enqueue(), Handle[str])
    assert_type((send.s("me") | joined).enqueue_sync().result_sync(), str)
    assert_type(count.s("a") | count.s(previous), Flow[int])
    assert_type(group(count.s("a"), count.s("b")), Many[int])
    assert_type(await group(count.s("a"), count.s("b")).enqueue(), Handle[list[int]])
    assert_type(count.map("ab") | biggest, Flow[int])
    assert_type(count.map("ab").or_none(), Flow[list[int | None]])
    assert_type(send.s("me") | each(count), Flow[list[int]])
    assert_type(chord(count.map("ab"), biggest), Flow[int])
    assert_type(chord(count.map("ab"), smallest), Flow[int])
    assert_type(chord(group(count.s("a"), count.s("b")), smallest), Flow[int])
    assert_type(chord(count.map("ab"), biggest.s([1])), Flow[int])


async def batches() -> None:
    batch = await app.batch((count.s(word) for word in "ab"), parallelism=2, max_failures=1)
    assert_type(batch, BatchHandle[int])
    async for number, result in batch.results():
        assert_type((number, result), tuple[int, int | PenstockError])


async def wrong_batches() -> None:
    await app.batch([count.s("a")], paralelism=2)  # type: ignore[call-arg]
    await app.batch([count.s("a")], parallelism="2")  # type: ignore[arg-type]
    await app.batch(["a"])  # type: ignore[arg-type]


def wrong_flows() -> None:
    count.s("a") | joined  # type: ignore[operator]
    count.map("ab").or_none() | biggest  # type: ignore[operator]
    count.s("a") | print_nothing  # type: ignore[operator]
    chord(count.map("ab"), count)  # type: ignore[arg-type]


async def wrong() -> None:
    await send.enqueue(1)  # type: ignore[arg-type]
    await send.enqueue()  # type: ignore[call-arg]
    await send.enqueue("me", tims=2)  # type: ignore[call-arg]
    await count.options(priority="urgent").enqueue("a")  # type: ignore[arg-type]
    count.options(dealy=1)  # type: ignore[call-arg]
    count.s(2)  # type: ignore[arg-type]
    words: str = await (await count.enqueue("a")).result()  # type: ignore[assignment]
    del words


@app.task
async def mistaken(to: str, line: str = Depends(connection)) -> None: ...  # type: ignore[assignment]
