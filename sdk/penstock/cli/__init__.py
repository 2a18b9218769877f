"""The command line, also as the kubectl plugin `kubectl penstock`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from penstock.distribution import install
from penstock.errors import PenstockError

__all__ = ["main"]

FAILED, INTERRUPTED = 1, 130


def main() -> None:
    """Run a command; an error of ours is one line and exit code 1. Wrong words are exit code 2."""
    try:
        from penstock.cli.commands import program
    except ImportError as error:
        sys.exit(f"error: the command line needs its extra: {install('cli')} ({error})")
    sys.exit(_ended(program))


def _ended(program: Callable[[], object]) -> int | str | None:
    """Run it. Its exit code; what it raised of its own accord has been told."""
    try:
        program()
        sys.stdout.flush()
    except SystemExit as exit:
        return _flushed(exit.code)
    except BrokenPipeError:
        return _nobody_reads()
    except KeyboardInterrupt:
        return INTERRUPTED
    except PenstockError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return _flushed(FAILED)
    return 0


def _flushed(code: int | str | None) -> int | str | None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    return code


def _nobody_reads() -> int:
    """Such as `| head`, which has seen enough. Python would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
