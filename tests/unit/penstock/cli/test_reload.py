from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from penstock.cli import reload as module
from penstock.cli.reload import reloading
from tests.waiting import wait_sync

COMMAND = """
import pathlib, time
starts = pathlib.Path("starts")
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
while not pathlib.Path("exit").exists():
    time.sleep(0.02)
"""


def test_a_change_starts_it_again_and_its_own_end_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "LOOK_MS", 50)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(reloading([sys.executable, "-c", COMMAND])))
    thread.start()
    try:
        wait_sync((tmp_path / "starts").exists, "the command to start")

        def again() -> bool:
            (tmp_path / "shop.py").touch()
            return len((tmp_path / "starts").read_text()) > 1

        wait_sync(again, "another start")
    finally:
        (tmp_path / "exit").touch()
        thread.join(20)
    assert codes == [0]
