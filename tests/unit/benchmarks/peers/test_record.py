from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from benchmarks.peers.bars import judge
from benchmarks.peers.options import Options
from benchmarks.peers.record import Machine, Run, write
from benchmarks.peers.systems import OWN, SYSTEMS

from tests.unit.benchmarks.peers.cases import failed, figures, run

MACHINE = Machine(2, "a processor", 16_000, "6.1", "3.11.7", "7.0.15", 0.14)
OPTIONS = Options(systems=(OWN, "arq"), rounds=1, seed=7, source=Path("/somebody/at/home"))


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Any]:
    """What a run leaves whose last measurement failed."""
    rows = [*run(OPTIONS), failed("arq")]
    found = figures(*rows)
    done = Run(OPTIONS, MACHINE, {"arq": {"arq": "0.26.3"}}, rows, found, judge(found, cores=2))
    path = write(done, tmp_path / "build" / "peers.json")
    assert "somebody" not in path.read_text()
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def test_it_says_what_it_was_taken_with(kept: dict[str, Any]) -> None:
    assert datetime.now(UTC) - datetime.fromisoformat(kept["date"]) < timedelta(minutes=5)
    assert (kept["options"]["systems"], kept["options"]["seed"]) == ([OWN, "arq"], 7)
    assert kept["machine"]["redis"] == "7.0.15"
    assert kept["settings"] == {name: SYSTEMS[name].settings for name in (OWN, "arq")}
    assert kept["packages"] == {"arq": {"arq": "0.26.3"}}


def test_every_measurement_is_kept_with_its_figures(kept: dict[str, Any]) -> None:
    rounds = kept["rounds"]
    assert len(rounds) == len(run(OPTIONS)) + 1
    assert rounds[0]["figures"]["drain 1"] == rounds[0]["case"]["tasks"] / rounds[0]["outcome"]["work"]["seconds"]
    assert (rounds[-1]["error"], rounds[-1]["outcome"], rounds[-1]["figures"]) == ("it did not start", None, {})


def test_figures_and_bars_are_kept(kept: dict[str, Any]) -> None:
    assert set(kept["figures"]) == {OWN, "arq"}
    assert set(kept["figures"][OWN]["drain 1"]) == {"median", "low", "high", "rounds"}
    assert {bar["verdict"] for bar in kept["bars"]} <= {"met", "missed", "not measured"}


@pytest.mark.parametrize(
    ("said", "version"), [("Redis server v=7.0.15 sha=00000000:0 bits=64", "7.0.15"), ("another", "another")]
)
def test_the_machine_is_this_one(said: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "redis-server"
    server.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    here = Machine.here()
    assert (here.redis, here.python, here.kernel) == (version, platform.python_version(), platform.release())
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert here.memory_mb > 100
    assert here.processor
