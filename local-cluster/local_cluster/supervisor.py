"""The first process of a node: all of the node ends when it ends.

It's run as a script in new mount, network and process namespaces. So the
node's mounts, links and processes are out of the machine's sight, and ending
this one process leaves none of them, however they were started.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

_WAKING = {signal.SIGCHLD, signal.SIGUSR1}
_BREATHER = 1.0


@dataclass(frozen=True)
class Supervisor:
    """Runs every program that a file in the cluster's state tells of, again if it ends."""

    state: Path
    running: dict[int, Path] = field(default_factory=dict)

    def run(self) -> NoReturn:
        """Start what is told, collect what ended, and sleep until a signal."""
        while True:
            self._collect()
            self._start_missing()
            signal.sigwait(_WAKING)

    def _start_missing(self) -> None:
        told = set((self.state / "programs").glob("*.json"))
        for file in sorted(told - set(self.running.values())):
            self._start(file)

    def _start(self, file: Path) -> None:
        arguments: list[str] = json.loads(file.read_text())
        with (self.state / "logs" / f"{file.stem}.log").open("ab") as log:
            process = subprocess.Popen(
                arguments,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_hear_signals,
            )
        self.running[process.pid] = file

    def _collect(self) -> None:
        while ended := _ended_child():
            if file := self.running.pop(ended, None):
                print(f"{file.stem} ended; starting it again", flush=True)
                time.sleep(_BREATHER)


def _ended_child() -> int:
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _hear_signals() -> None:
    """A child inherits the blocked signals, and must not."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _mount(state: Path) -> None:
    """Give the node a /run and a /var of its own, and let its mounts reach its pods."""
    for arguments in (
        ["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["--bind", str(state / "var"), "/var"],
        ["--make-rshared", "/"],
    ):
        subprocess.run(["mount", *arguments], check=True)


def main() -> NoReturn:
    """Mount, tell that it's done, and run for ever."""
    state = Path(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAKING)
    _mount(state)
    (state / "mounted").touch()
    Supervisor(state).run()


if __name__ == "__main__":
    main()
