"""A node's programs can be stopped, started and signalled; here they are processes of our own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest
from tests.waiting import wait_sync

from local_cluster import __main__, process, programs
from local_cluster.errors import ClusterError
from local_cluster.state import ClusterState

SLEEPER = "import time; time.sleep(60)"


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ClusterState:
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path))
    state = ClusterState.of("unit")
    state.programs.mkdir(parents=True)
    return state


@pytest.fixture
def sleeper(state: ClusterState) -> Iterator[subprocess.Popen[bytes]]:
    """A program that the supervisor would have started."""
    line = [sys.executable, "-c", SLEEPER, str(state.root)]
    (state.programs / "sleeper.json").write_text(json.dumps(line))
    with subprocess.Popen(line) as running:
        wait_sync(lambda: process.arguments_of(running.pid) == line, "the program to run")
        yield running
        running.kill()


def standing(running: subprocess.Popen[bytes]) -> str:
    return Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_program_is_found_by_how_it_was_started(state: ClusterState, sleeper: subprocess.Popen[bytes]) -> None:
    assert programs.processes(state, "sleeper") == [sleeper.pid]


def test_it_stands_still_and_goes_on(state: ClusterState, sleeper: subprocess.Popen[bytes]) -> None:
    programs.send(state, "sleeper", SIGSTOP)
    wait_sync(lambda: standing(sleeper) == "T", "it to stand still")
    programs.send(state, "sleeper", SIGCONT)
    wait_sync(lambda: standing(sleeper) == "S", "it to go on")


def test_it_is_killed_and_stays_down_until_it_is_started(
    state: ClusterState, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(programs, "wake_supervisor", lambda state: woken.append(state.name))
    programs.stop(state, "sleeper")
    assert sleeper.wait(5) == -SIGKILL
    assert not list(state.programs.glob("*.json"))
    with pytest.raises(ClusterError, match="runs no program 'sleeper'"):
        programs.stop(state, "sleeper")
    programs.start(state, "sleeper")
    programs.start(state, "sleeper")
    assert woken == ["unit"]
    assert json.loads((state.programs / "sleeper.json").read_text())[-1] == str(state.root)


def test_what_is_not_there_is_named(state: ClusterState, sleeper: subprocess.Popen[bytes]) -> None:
    with pytest.raises(ClusterError, match="no program 'etcd': it runs sleeper"):
        programs.send(state, "etcd", SIGKILL)
    with pytest.raises(ClusterError, match="no process of pod/no-such-uid"):
        programs.send(state, "pod/no-such-uid", SIGKILL)


def test_only_a_node_of_our_own_can_be_tampered_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_KUBECONTEXT", "team")
    assert __main__.main(["signal", "--name", "unit", "etcd", "SIGKILL"]) == 1
    assert "only a node of our own" in capsys.readouterr().err


def test_the_command_line_signals(state: ClusterState, sleeper: subprocess.Popen[bytes]) -> None:
    programs_of_unit = ["--name", "unit", "sleeper"]
    assert __main__.main(["signal", *programs_of_unit, "SIGKILL"]) == 0
    assert sleeper.wait(5) == -SIGKILL
