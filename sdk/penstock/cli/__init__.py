"""The command line, also as the kubectl plugin `kubectl penstock`."""

from __future__ import annotations

import sys

from penstock.distribution import install
from penstock.errors import PenstockError

__all__ = ["main"]


def main() -> None:
    """Run a command; an error of ours is one line and exit code 1."""
    try:
        from penstock.cli.commands import program
    except ImportError as error:
        sys.exit(f"the command line needs its extra: {install('cli')} ({error})")
    try:
        program()
    except PenstockError as error:
        sys.exit(f"error: {error}")
