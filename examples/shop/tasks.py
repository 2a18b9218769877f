"""The shop's tasks: what a worker runs, `shop.tasks:app`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from penstock import Penstock, RetryPolicy, TaskContext
from shop import album, thumbnails, topics
from shop.thumbnails import Thumbnail
from shop.words import WordCount, WordStatistics

__all__ = ["Receipt", "app", "broken_import", "flaky_payment", "long_export", "noop", "thumbnail", "word_statistics"]

app = Penstock("shop")

EXPORT_STEP = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which attempt of a payment went through."""

    order: int
    attempt: int


@app.task
async def noop() -> None:
    """Does nothing: what remains is Penstock's own time."""


@app.task(timeout=60)
def thumbnail(photo: str, size: int = 128, ctx: TaskContext = TaskContext()) -> Thumbnail:
    """Shrinks a photograph. A plain function: it runs in a thread, since Pillow would block the event loop."""
    file = album.path(photo)
    ctx.progress(10, f"reading {file.name}")
    image = thumbnails.shrink(file, size)
    ctx.progress(70, f"encoding {image.width} x {image.height}")
    made = thumbnails.encode(photo, image)
    ctx.progress(100, f"{made.bytes} bytes")
    return made


@app.task(timeout=60)
async def word_statistics(topic: str, top: int = 10, ctx: TaskContext = TaskContext()) -> WordStatistics:
    """Counts the words of one topic of the Python language reference; `topics.names()` lists them."""
    count, paragraphs = WordCount(), topics.text(topic).split("\n\n")
    for number, paragraph in enumerate(paragraphs, 1):
        count.add(paragraph)
        ctx.progress(100 * number // len(paragraphs), f"paragraph {number} of {len(paragraphs)}")
        await asyncio.sleep(0)  # the other tasks of this worker have their turn
    return count.statistics(topic, top)


@app.task(retry=RetryPolicy(max_attempts=5, initial=0.5, factor=2, jitter=False))
async def flaky_payment(order: int, ctx: TaskContext = TaskContext()) -> Receipt:
    """Pays at the third attempt, as with a provider that is away for a second."""
    if ctx.attempt < 3:
        raise ConnectionError(f"order {order}: the payment provider doesn't answer (attempt {ctx.attempt})")
    return Receipt(order, ctx.attempt)


@app.task(retry=RetryPolicy(max_attempts=2, initial=0.5, jitter=False))
async def broken_import(file: str) -> None:
    """Fails whenever it is tried: what it was given is wrong, and it ends in the dead letters."""
    raise ValueError(f"{file}, line 7: 3 columns where 4 are expected")


@app.task
async def long_export(seconds: float, ctx: TaskContext = TaskContext()) -> int:
    """Takes its time, so that there is something to cancel. Returns the number of steps."""
    steps = max(1, round(seconds / EXPORT_STEP))
    try:
        for step in range(1, steps + 1):
            await asyncio.sleep(seconds / steps)
            ctx.progress(100 * step // steps, f"step {step} of {steps}")
    except asyncio.CancelledError:
        ctx.log.info("export cancelled: here a half-written file would be removed")
        raise
    return steps
