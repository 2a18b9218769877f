"""`penstock dev` again whenever a Python file changes, until it is told to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from penstock.distribution import install
from penstock.errors import ConfigurationError

__all__ = ["reloading"]

LOOK_MS = 300
END_SECONDS = 10.0


def reloading(command: Sequence[str]) -> int:
    """Run the command; start it again when a Python file below the working directory has changed. Ends when the
    command ends by itself and well (somebody typed `exit`), or by Ctrl-C. The exit code."""
    try:
        from watchfiles import PythonFilter, watch
    except ImportError:
        raise ConfigurationError(
            f"penstock dev needs watchfiles to restart on changes: {install('dev')}; or pass --no-reload"
        ) from None
    child = subprocess.Popen(command)
    try:
        for changes in watch(
            ".", watch_filter=PythonFilter(), rust_timeout=LOOK_MS, yield_on_timeout=True, raise_interrupt=False
        ):
            if child.poll() == 0:
                return 0
            if changes:
                print(f"{', '.join(sorted({path for _, path in changes}))} changed: starting again", file=sys.stderr)
                _end(child)
                child = subprocess.Popen(command)
    finally:
        _end(child)
    return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let it drain; one that doesn't come to its end is killed."""
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
