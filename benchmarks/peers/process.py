"""A process that this program starts, and stops for sure."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

__all__ = ["Failed", "Process", "wait_until"]

STOP_SECONDS = 15.0
KILL_SECONDS = 5.0
LOG_LINES = 15
LOOK_SECONDS = 0.005


class Failed(Exception):
    """A measurement couldn't be taken."""


def wait_until(done: Callable[[], bool], patience: float, what: str, *, look: float = LOOK_SECONDS) -> None:
    """Look every `look` seconds, up to `patience` seconds. Raises Failed."""
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {patience:g} s")
        time.sleep(look)


class Process:
    """Runs while the block lasts, in a session of its own; its output goes to `log`.

    At the block's end it gets SIGTERM and time for an orderly end; then whatever is left of its session is killed.
    """

    def __init__(self, words: Sequence[str], variables: Mapping[str, str], log: Path, *, talks: bool = False) -> None:
        self._log = log
        pipe = subprocess.PIPE if talks else None
        with log.open("ab") as output:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(
                list(words),
                env=dict(variables),
                cwd=log.parent,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its id, which is its session's too."""
        return self._popen.pid

    @property
    def stdin(self) -> IO[bytes]:
        """Of one that talks."""
        assert self._popen.stdin is not None
        return self._popen.stdin

    def line(self, patience: float) -> bytes:
        """The next line of one that talks. Raises Failed."""
        assert self._popen.stdout is not None
        if not select.select([self._popen.stdout], [], [], patience)[0]:
            raise Failed(f"no answer within {patience:g} s\n{self.tail()}")
        return self._popen.stdout.readline()

    def check(self) -> None:
        """Raises Failed if it has ended."""
        if self._popen.poll() is not None:
            raise Failed(f"a process ended early\n{self.tail()}")

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def stop(self) -> None:
        """Ask it to end, wait, and kill what is left. One that talks ends with its input, unless it must be asked."""
        try:
            if self._popen.stdin is None or not self._ends():
                self._popen.terminate()
                self._ends()
        finally:
            self._kill()

    def _ends(self) -> bool:
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(KILL_SECONDS)
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> Any:
        self.stop()
