"""What a worker costs before its first task: CPU seconds, user and system, of its imports and up to ready.

make startup        →  the least of several fresh processes each
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.server import serve

TURNS = 7
BAR = 0.5  # s, of what a worker imports
OUT = Path("build/bench/startup.json")
TICKS = os.sysconf("SC_CLK_TCK")
IMPORTS = {
    "python alone": "pass",
    "import penstock": "import penstock",
    "import redis (of those below)": "import redis.asyncio",
    "the command's imports": "import penstock.cli.commands, penstock.running, penstock.broker.streams",
    "the container's imports": "import penstock_worker.__main__, penstock.broker.streams",
}
APP = """
from penstock import Penstock

app = Penstock("startup")


@app.task
async def greet(name: str) -> str:
    return f"hello, {name}"
"""


def importing(code: str) -> float:
    """CPU seconds of a fresh process that imports something."""
    before = _children()
    subprocess.run([sys.executable, "-c", code], check=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ready(url: str, folder: str) -> float:
    """CPU seconds of `penstock worker` until it says that it works."""
    command = [sys.executable, "-m", "penstock.cli", "worker", "startup_app:app"]
    environment = os.environ | {"PENSTOCK_URL": url, "PENSTOCK_NAMESPACE": "startup"}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if " working on " in line or " works on " in line:
                break
        else:
            raise RuntimeError(f"the worker ended before it worked: {said}")
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    return (int(fields[11]) + int(fields[12])) / TICKS


def least(measure: Callable[[], float]) -> float:
    """Of several: what else runs on the machine only ever adds."""
    return min(measure() for _ in range(TURNS))


def main() -> None:
    """Print and keep the figures."""
    found = {name: least(lambda code=code: importing(code)) for name, code in IMPORTS.items()}  # type: ignore[misc]  # mypy can't infer a default's type
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server:
        Path(folder, "startup_app.py").write_text(APP)
        found["penstock worker, ready, memory://"] = least(lambda: ready("memory://", folder))
        found["penstock worker, ready, Redis"] = least(lambda: ready(server.url, folder))
    for name, seconds in found.items():
        print(f"{name:36}{seconds:6.2f} s")
    print(f"(a worker's imports: at most {BAR} s)")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
