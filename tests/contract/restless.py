"""An app whose tasks note every start, for workers in processes of their own that come and go."""

from __future__ import annotations

import asyncio
import os
from functools import cache

from penstock import Penstock

app = Penstock("restless")


@app.task
async def work(number: int, seconds: float) -> int:
    """Note the start, take a moment."""
    os.write(_journal(), f"{os.getpid()} {number}\n".encode())
    await asyncio.sleep(seconds)
    return number


@app.task(broadcast=True)
async def shout(number: int) -> None:
    """Note it, on every worker."""
    os.write(_journal(), f"{os.getpid()} all-{number}\n".encode())


@cache
def _journal() -> int:
    """Appended to by all workers; a line is one write, so none is torn."""
    return os.open(os.environ["RESTLESS_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
