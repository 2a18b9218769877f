"""`penstock batch …`, over an API server and a broker in memory that outlive the commands."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from penstock.batch_client import BatchClient
from penstock.cli.commands import program
from penstock.connections import Connections
from penstock.errors import ConfigurationError
from penstock.status import Phase
from tests.unit.penstock.test_batch_client import Stage


class Cli:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(program, ["batch", *words, "-n", "shop"])

    def report(self, phase: str) -> None:
        asyncio.run(self.stage.report(phase, total=2, succeeded=1, failed=1, failedIndexes="1"))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    stage = Stage()

    async def reached(_: Connections) -> BatchClient:
        return await stage.client()

    monkeypatch.setattr(Connections, "batches", reached)
    asyncio.run(_streamed(stage))
    return Cli(stage)


async def _streamed(stage: Stage) -> None:
    await stage.app.batch([stage.send_welcome.s(0), stage.send_welcome.s(1)], name="w")
    first, second = await stage.claim()
    await stage.end(first, result=b'{"a": 1}')
    await stage.end(second, Phase.FAILED)


def test_all_are_listed(cli: Cli) -> None:
    cli.report("Running")
    assert cli("list").output == "w\tRunning\t1/2\t1 failed\n"


def test_one_is_shown_as_json(cli: Cli) -> None:
    cli.report("Running")
    found = json.loads(cli("get", "w").output)
    assert (found["phase"], found["total"], found["failed_indexes"]) == ("Running", 2, "1")


def test_results_are_a_line_each(cli: Cli) -> None:
    [first, second] = cli("results", "w").output.splitlines()
    assert first == '0\t{"a": 1}'
    assert second.startswith("1\terror: emails.b.")
    assert cli("results", "w", "--failures").output.splitlines() == [second]


def test_cancel_and_retry(cli: Cli) -> None:
    cli.report("Running")
    assert cli("cancel", "w").output == "cancelled\n"
    assert isinstance(cli("retry", "w").exception, ConfigurationError)
    cli.report("Cancelled")
    assert cli("cancel", "w").output == "it had ended before\n"
    assert cli("retry", "w").output == "run 2\n"
