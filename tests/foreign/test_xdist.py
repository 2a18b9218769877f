"""Somebody's tests with our fixtures, spread over processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.foreign.conftest import SDK

pytest.importorskip("xdist")


def test_sandboxes_in_parallel(tmp_path: Path) -> None:
    suite = tmp_path / "test_shop.py"
    suite.write_text((Path(__file__).parent / "sandbox_suite.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", str(suite)]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(SDK), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "80 passed" in ran.stdout
