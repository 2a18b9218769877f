"""See tasks.py."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from penstock.testing import worker
from thumbnails.tasks import app, thumbnails


async def main(folder: Path, into: Path) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app)
        if app.url.startswith("memory://"):  # which nobody else can reach
            await stack.enter_async_context(worker(app, concurrency=os.cpu_count() or 1))
        for made in await thumbnails(folder, into):
            print(f"{made.file}  {made.width} x {made.height}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
