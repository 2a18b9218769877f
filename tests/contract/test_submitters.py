"""What a submitter hears of a Redis that accepts and never answers. Each is a process of its own: what asyncio says of
tasks left behind is part of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock
from penstock.errors import NotConnected
from tests.contract.servers import Server, running

PATIENCE = 1.0

CALL = """
import asyncio, sys, time
from penstock import Penstock
from penstock.errors import NotConnected

app = Penstock("shop", url=sys.argv[1], namespace="test")

@app.task
async def send() -> None: ...

async def main():
    for _ in range(2):
        try:
            await send.enqueue()
        except NotConnected as error:
            print(error)

began = time.monotonic()
{run}
print(time.monotonic() - began)
"""
AS_ASYNC = "asyncio.run(main())"
AS_SYNC = """
for _ in range(2):
    try:
        send.delay()
    except NotConnected as error:
        print(error)
"""
CUT = """
async def cut():
    try:
        async with asyncio.timeout(0.2):
            await send.enqueue()
    except TimeoutError:
        print("cut", flush=True)
asyncio.run(cut())
"""


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("silent"))
    with running(server):
        server.hold()
        yield server
        server.resume()


def called(url: str, run: str) -> list[str]:
    """The lines that such a caller prints; it prints nothing on standard error."""
    paths = {"PYTHONPATH": str(Path(penstock.__file__).parents[1])}
    command = [sys.executable, "-c", CALL.format(run=run)]
    done = subprocess.run([*command, url], check=False, env=paths, capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("run", [AS_ASYNC, AS_SYNC], ids=["async", "sync"])
def test_it_gives_up_in_time(silent: Server, run: str) -> None:
    *errors, seconds = called(f"{silent.url}?timeout={PATIENCE:g}", run)
    assert (
        errors
        == [f"can't reach Redis at {silent.where}: no answer within 1 s; check PENSTOCK_URL and that it is up"] * 2
    )
    assert float(seconds) < 2 * PATIENCE + 2


def test_one_that_is_cut_off_leaves_nothing_behind(silent: Server) -> None:
    assert called(silent.url, CUT)[0] == "cut"


async def test_a_redis_that_falls_silent_later_is_noticed_too(tmp_path: Path) -> None:
    server = Server(tmp_path)
    app = penstock.Penstock("shop", url=f"{server.url}?timeout={PATIENCE:g}", namespace="test")

    @app.task
    async def send() -> None: ...

    with running(server):
        handle = await send.enqueue()
        server.hold()
        began = time.monotonic()
        for ask in (send.enqueue, handle.status):
            with pytest.raises(NotConnected):
                await ask()
        assert time.monotonic() - began < 2 * PATIENCE + 2
        server.resume()
        await app.close()
