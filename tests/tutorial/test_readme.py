"""README.md, as a newcomer follows it: its files are written, its commands run against a real Redis, and they print
what it shows. Only what installs Python packages, starts Redis or needs a cluster is left out."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from doctest import ELLIPSIS, OutputChecker
from itertools import pairwise
from pathlib import Path

import pytest
from tests.contract.servers import Server, running
from tests.tutorial.pages import ROOT, Fence, fences, in_language

README = ROOT / "README.md"
NAMED = re.compile(r"# (\S+\.py)\n")
URL = "PENSTOCK_URL=redis://127.0.0.1:6379/0"
ELSEWHERE = ("pip", "docker")  # packages are installed already, and Redis is the test's own
STAYS = ("penstock", "worker")  # begins a command that doesn't end
PATIENCE = 60.0


@dataclass
class Terminal:
    """A folder, and a shell's variables in it."""

    folder: Path
    url: str
    left_open: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, command: str) -> str:
        """What a command prints; nothing of one that goes on."""
        words = shlex.split(command)
        if words[0] in ELSEWHERE:
            return ""
        if words[0] == "export":
            assert words[1:] == [URL]
            return ""
        ran = subprocess.Popen(words, cwd=self.folder, env=self._variables, stdout=subprocess.PIPE, text=True)
        self.left_open.append(ran)
        if words[:2] == [*STAYS]:
            return ""
        said, _ = ran.communicate(timeout=PATIENCE)
        assert ran.returncode == 0, f"{command} ended with {ran.returncode}"
        return said

    @property
    def _variables(self) -> dict[str, str]:
        scripts = str(Path(sys.executable).parent)
        return {"PATH": f"{scripts}:{os.environ['PATH']}", "PENSTOCK_URL": self.url, "HOME": str(self.folder)}

    def close(self) -> None:
        for process in self.left_open:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=PATIENCE)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    server, folder = Server(tmp_path / "redis"), tmp_path / "checkout"
    folder.mkdir()
    with running(server):
        terminal = Terminal(folder, server.url)
        try:
            yield terminal
        finally:
            terminal.close()


def before_the_cluster() -> Sequence[Fence]:
    """What works without one."""
    [line] = [number for number, text in enumerate(README.read_text().splitlines()) if text == "## On Kubernetes"]
    return [fence for fence in fences(README) if fence.line < line]


def commands(fence: Fence) -> list[str]:
    return [line for line in fence.text.splitlines() if line and not line.startswith("#")]


@pytest.mark.timeout(300)
def test_following_it_works(terminal: Terminal) -> None:
    for fence, shown in pairwise([*before_the_cluster(), Fence("", "", 0)]):
        if fence.language == "python":
            write(terminal.folder, fence)
        if fence.language == "bash":
            printed = "".join(map(terminal.run, commands(fence)))
            expected = shown.text if shown.language == "text" else ""
            assert OutputChecker().check_output(expected, printed, ELLIPSIS), f"{commands(fence)} printed\n{printed}"


def write(folder: Path, fence: Fence) -> None:
    named = NAMED.match(fence.text)
    assert named, f"line {fence.line}: a block of Python begins with the name of its file"
    path = folder / named[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(fence.text)


def test_each_of_its_python_blocks_is_run() -> None:
    asked = {word for fence in before_the_cluster() if fence.language == "bash" for word in fence.text.split()}
    names = {named[1] for fence in in_language(README, "python") if (named := NAMED.match(fence.text))}
    assert len(names) == len(in_language(README, "python"))
    assert names - asked == {"shop/tasks.py"}  # which the worker and the scripts import


def test_a_newcomer_is_told_how_to_install_it_and_to_start_a_worker() -> None:
    asked = [command for fence in before_the_cluster() if fence.language == "bash" for command in commands(fence)]
    assert "pip install 'penstock-tasks[worker,cli]'" in asked
    assert "penstock worker shop.tasks:app" in asked
    assert f"export {URL}" in asked
