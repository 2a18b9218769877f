"""Commands that are run to their end."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cluster.errors import ClusterError

_SHOWN_LINES = 25


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    standard_input: str = "",
) -> str:
    """Run a command and return what it printed; raise what it complained of."""
    finished = _finish(arguments, environment, folder, standard_input)
    if finished.returncode != 0:
        said = f"{finished.stdout}\n{finished.stderr}".strip().splitlines()
        shown = "\n".join(said[-_SHOWN_LINES:])
        line = shlex.join(str(argument) for argument in arguments)
        raise ClusterError(f"`{line}` ended with {finished.returncode}:\n{shown}")
    return finished.stdout


def succeeds(arguments: Sequence[str | Path]) -> bool:
    """Whether a command is there and ends well."""
    try:
        return _finish(arguments, None, None, "").returncode == 0
    except ClusterError:
        return False


def _finish(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str] | None,
    folder: Path | None,
    standard_input: str,
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(argument) for argument in arguments],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise ClusterError(f"the program {arguments[0]} is missing: install it") from missing
