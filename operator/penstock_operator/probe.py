"""`python -m penstock_operator.probe`: what `helm test` runs. Says what works and what doesn't."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Sequence
from itertools import product

import aiohttp

from penstock.broker import connect
from penstock.errors import PenstockError
from penstock.kube import Kube
from penstock_operator.api import TASK_QUEUES, TASKS, WORKER_POOLS
from penstock_operator.settings import Settings

PROBE_SECONDS = 20.0
LEADING_SECONDS = 15.0
AGAIN_SECONDS = 0.5


async def main() -> int:
    """Exit code 0 if all works."""
    settings = Settings.from_environment()
    results = [
        await _check("the broker answers", _broker(settings)),
        await _check("the API server serves the kinds", _kinds(settings.watch_namespaces or (None,))),
        await _check("the operator is ready", _operator()),
    ]
    return 0 if all(results) else 1


async def _check(what: str, check: Awaitable[None]) -> bool:
    try:
        await asyncio.wait_for(check, PROBE_SECONDS)
    except (PenstockError, aiohttp.ClientError, TimeoutError, OSError) as error:
        print(f"FAILED  {what}: {error!r}")
        return False
    print(f"ok      {what}")
    return True


async def _broker(settings: Settings) -> None:
    broker = connect(settings.broker_url, settings.system_namespace)
    try:
        await broker.ping()
    finally:
        await broker.close()


async def _kinds(namespaces: Sequence[str | None]) -> None:
    kube = await Kube.connect()
    try:
        for kind, namespace in product((TASKS, TASK_QUEUES, WORKER_POOLS), namespaces):
            async for _ in kube.list(kind, namespace):
                break
    finally:
        await kube.close()


async def _operator() -> None:
    """Its Service leads to it a moment after it has begun to lead."""
    url = os.environ.get("PENSTOCK_OPERATOR_URL", "http://localhost:8080")
    until = time.monotonic() + LEADING_SECONDS
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        while True:
            try:
                async with session.get(f"{url}/readyz"):
                    return
            except aiohttp.ClientError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
