"""`penstock worker` as a service manager runs it: probes, metrics, several processes, and a drain at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from penstock import Penstock
from tests.contract.counted import one
from tests.unit.penstock.worker.test_health import free_port
from tests.waiting import wait_for


@contextmanager
def worker(url: str, namespace: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, killed if the block fails."""
    environment = os.environ | {
        "PENSTOCK_URL": url,
        "PENSTOCK_NAMESPACE": namespace,
        "OTEL_METRICS_EXPORTER": "prometheus",
        "PYTHONPATH": ":".join([".", *sys.path]),
    }
    command = [sys.executable, "-m", "penstock.cli", "worker", "tests.contract.counted:app", *options]
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def answer(port: int, path: str) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError:
        return 0, ""


@pytest.mark.parametrize("processes", [1, 2])
async def test_it_is_probed_scraped_and_drained(redis_url: str, processes: int) -> None:
    port, namespace = free_port(1 + processes), f"test-{uuid.uuid4().hex[:8]}"
    options = ("--port", str(port), "--processes", str(processes), "--name", "host-7", "--log-level", "WARNING")
    with worker(redis_url, namespace, *options) as process:

        async def ready() -> bool:
            return await answer(port, "/readyz") in [(200, "working"), (200, f"{processes} of {processes}")]

        await wait_for(ready, "all processes to work")
        async with Penstock("counted", url=redis_url, namespace=namespace) as app:
            handle = await app.task(one.definition.function).enqueue()
            assert await handle.result(timeout=10) == 1
            assert (await handle.status()).worker == "host-7"
        first = port + (processes > 1)
        pages = [await answer(first + number, "/metrics") for number in range(processes)]
        ended = [line for _, page in pages for line in page.splitlines() if 'penstock_outcome="Succeeded"' in line]
        assert any(line.endswith(" 1.0") for line in ended), pages
        assert (await answer(port, "/healthz"))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


async def test_what_is_no_level_is_told(redis_url: str) -> None:
    with worker(redis_url, "test", "--log-level", "LOUD") as process:
        assert process.wait(20) == 2
