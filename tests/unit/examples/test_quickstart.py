"""The script of the first minute runs as it stands."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_it_runs() -> None:
    script = [sys.executable, str(EXAMPLES / "quickstart.py")]
    ran = subprocess.run(script, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "Hello Ada, at attempt 2!\n"
