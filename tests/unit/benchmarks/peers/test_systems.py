from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import benchmarks.peers
import pytest
from benchmarks.peers.systems import OWN, PEERS, SYSTEMS, System

from penstock.keys import QueueKeys, task_id

HERE = Path(benchmarks.peers.__file__).parent
systems = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)


def test_penstock_stands_beside_seven_peers() -> None:
    assert len(PEERS) == 7
    assert {OWN, *PEERS} == set(SYSTEMS)


@systems
def test_every_system_has_an_app_and_every_peer_its_requirements(system: System) -> None:
    assert (HERE / "apps" / f"{system.name}.py").exists()
    assert (HERE / "requirements" / f"{system.name}.txt").exists() == (system.name != OWN)


def test_there_is_no_app_that_is_not_measured() -> None:
    assert {path.stem for path in (HERE / "apps").glob("[a-z]*.py")} == set(SYSTEMS)


@systems
def test_commands_are_complete_words(system: System) -> None:
    words = system.command(123, 4)
    assert not any(mark in word for word in words for mark in "{}")
    assert ("4" in words) == system.forks == (words != system.command(123, 5))


@systems
def test_a_redis_command_tells_the_backlog(system: System) -> None:
    assert system.backlog.split()[0] in {"XLEN", "XPENDING", "ZCARD", "HLEN"}


def test_penstocks_keys_are_those_that_it_writes() -> None:
    keys, system = QueueKeys("bench", "bench"), SYSTEMS[OWN]
    assert system.backlog.split() == ["XLEN", keys.streams[2]]
    assert fnmatchcase(keys.task(task_id("bench", "x")), system.results)
    assert not [key for key in keys.fixed if fnmatchcase(key, system.results)]


def test_variables_name_the_server() -> None:
    assert SYSTEMS[OWN].environment("redis://here")["PENSTOCK_URL"] == "redis://here"
    assert SYSTEMS["dramatiq"].environment("redis://here") == {"dramatiq_queue_prefetch": "128"}
    assert SYSTEMS["arq"].environment("redis://here") == {}
