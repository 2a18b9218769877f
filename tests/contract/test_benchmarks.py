"""The programs behind `make costs` and its like, with a few tasks: they run, and say what they have found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
PATIENCE_SECONDS = 100


def run(program: str, words: str, smaller: str, folder: Path) -> str:
    """What it prints. `smaller`: assignments to its constants."""
    setting = "".join(f"program.{one.strip()}\n" for one in smaller.split(";") if one)
    code = f"import sys\nimport benchmarks.{program} as program\n{setting}sys.argv = {[program, *words.split()]}\n"
    called = [sys.executable, "-c", f"{code}sys.exit(program.main())"]
    environment = {"PYTHONPATH": str(HOME), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        called, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("program", "words", "smaller", "tells"),
    [
        ("costs", "--tasks 2000", "", ["claim ", "settle ", "all "]),
        ("threads", "--tasks 500 --turns 1", "", ["µs"]),
        ("flows", "", "ROUNDS = 1; MEMBERS = 50; STEPS = 5", ["ms"]),
        ("looks", "", "QUEUES = 20; TURNS = 2; NAMES = program.NAMES[:20]", ["busy ", "namespaces "]),
        ("overhead", "", "TURNS = 2; CALLS = 5; IMPORTS = 1", ["overhead ", "import "]),
        ("faults", "--tasks 400 --kills 2", "", ["sound"]),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_a_program_says_what_it_has_found(
    program: str, words: str, smaller: str, tells: list[str], tmp_path: Path
) -> None:
    said = run(program, words, smaller, tmp_path)
    assert all(word in said for word in tells), said
