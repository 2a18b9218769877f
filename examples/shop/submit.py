"""The Python way in: submits a batch straight to the broker, follows it and judges what comes back.

`python -m shop.submit`; the broker is PENSTOCK_URL's. The exit code is 0 only if everything came back as expected.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from penstock import Handle, PenstockError, Phase, TaskFailed, tracing
from shop import album, topics
from shop.tasks import app, broken_import, thumbnail, word_statistics
from shop.thumbnails import Thumbnail
from shop.words import WordStatistics

__all__ = ["Batch", "main", "run"]

R = TypeVar("R")
SIZES = (96, 192)
TOPICS = 60
TOP = 100  # words of each topic: with ten, the sum over all topics would miss what is frequent without leading
PATIENCE = 180.0  # seconds; a pool at zero needs a few of them to start


@dataclass(frozen=True)
class Batch:
    """What was submitted."""

    thumbnails: list[Handle[Thumbnail]]
    statistics: list[Handle[WordStatistics]]
    broken: Handle[None]

    @property
    def handles(self) -> list[Handle[Any]]:
        """All of it, in the order of submission."""
        return [*self.thumbnails, *self.statistics, self.broken]


async def submit() -> Batch:
    """Two batches of many calls, one round trip each, and a single call."""
    return Batch(
        await app.enqueue_many(thumbnail.s(photo, size) for photo in album.names() for size in SIZES),
        await app.enqueue_many(word_statistics.s(topic, TOP) for topic in topics.names()[:TOPICS]),
        await broken_import.enqueue("orders.csv"),
    )


async def follow(batch: Batch) -> None:
    """Print a line a second until all have ended, however they ended."""
    began, names = time.monotonic(), {asyncio.create_task(_ended(handle)): handle for handle in batch.handles}
    waiting = set(names)
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=1)
        line = f"{time.monotonic() - began:5.1f} s  {len(names) - len(waiting):3} of {len(names)} done"
        example = next((handle for task, handle in names.items() if task in waiting), None)
        print(line if example is None else f"{line}; {await _described(example)}", flush=True)


async def _ended(handle: Handle[Any]) -> None:
    await asyncio.gather(handle.result(timeout=PATIENCE), return_exceptions=True)


async def _described(handle: Handle[Any]) -> str:
    status = await handle.status()
    progress = "" if status.percent is None else f", {status.percent:.0f} % ({status.message})"
    return f"{handle.id} is {status.phase}{progress}"


async def run() -> bool:
    """Submit, follow, report. Whether all is as expected."""
    async with app:
        began = time.monotonic()
        batch = await submit()
        print(f"{len(batch.handles)} tasks submitted in {time.monotonic() - began:.3f} s", flush=True)
        await follow(batch)
        seconds = time.monotonic() - began
        good = [
            _thumbnails_are_good(await _results(batch.thumbnails), len(batch.thumbnails)),
            _statistics_are_good(await _results(batch.statistics), len(batch.statistics)),
            await _fails_as_it_should(batch.broken),
        ]
        print(f"{len(batch.handles)} tasks in {seconds:.1f} s: {len(batch.handles) / seconds:.1f} tasks/s")
    return all(good)


async def _results(handles: Sequence[Handle[R]]) -> list[R]:
    """What succeeded; what didn't is printed."""
    awaited: list[Awaitable[R]] = [handle.result(timeout=PATIENCE) for handle in handles]
    ended = await asyncio.gather(*awaited, return_exceptions=True)
    for error in (one for one in ended if isinstance(one, BaseException)):
        print(f"FAILED  {error}" if isinstance(error, PenstockError) else f"FAILED  {error!r}")
    return [one for one in ended if not isinstance(one, BaseException)]


def _thumbnails_are_good(made: list[Thumbnail], expected: int) -> bool:
    photos = {one.photo for one in made}
    print(
        f"{len(made)} thumbnails of {len(photos)} photographs, {' and '.join(map(str, SIZES))} pixels: "
        f"{sum(one.bytes for one in made) / 1000:.1f} kB of JPEG"
    )
    fit = all(max(one.width, one.height) in SIZES for one in made)
    return fit and len(made) == expected and sorted(photos) == album.names()


def _statistics_are_good(counted: list[WordStatistics], expected: int) -> bool:
    frequent: Counter[str] = Counter()
    for one in counted:
        frequent.update(dict(one.top_words))
    print(f"{sum(one.words for one in counted):,} words in {len(counted)} topics of the Python language reference")
    print(f"most frequent: {', '.join(f'{word} {times:,}' for word, times in frequent.most_common(5))}")
    return len(counted) == expected and all(one.words >= one.distinct_words > 0 for one in counted)


async def _fails_as_it_should(handle: Handle[None]) -> bool:
    try:
        await handle.result(timeout=PATIENCE)
    except TaskFailed as failure:
        status = await handle.status()
        print(f"shop.broken_import: {status.phase} after {status.attempts} attempts, {failure.type}: {failure.message}")
        return failure.type == "ValueError" and status.phase is Phase.DEAD_LETTERED
    except PenstockError as error:
        print(f"shop.broken_import: {error}")
    return False


def main() -> int:
    """The exit code."""
    flush = tracing.configure("shop-submit")
    try:
        good = asyncio.run(run())
    except (PenstockError, LookupError) as error:
        print(f"FAILED  {error}")
        good = False
    finally:
        flush()
    print("all as expected" if good else "NOT as expected, see above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
