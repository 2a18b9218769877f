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
        process = os.posix_spawn(
            arguments[0],
            arguments,
            os.environ,
            file_actions=_streams(self.state / "logs" / f"{file.stem}.log"),
            setsid=True,
            setsigmask=[],  # a child inherits the blocked signals, and must not
        )
        self.running[process] = file

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


def _streams(log: Path) -> list[tuple[int, int, str, int, int] | tuple[int, int, int]]:
    """Nothing to read, and a log to write both outputs to."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]


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
