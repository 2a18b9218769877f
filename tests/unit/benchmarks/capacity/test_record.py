from __future__ import annotations

import json
from pathlib import Path

from benchmarks.capacity.bars import judge
from benchmarks.capacity.environment import Environment, Node
from benchmarks.capacity.figures import Found
from benchmarks.capacity.options import Options
from benchmarks.capacity.record import Run, write

NODE = {
    "status": {
        "nodeInfo": {"kernelVersion": "6.1", "containerRuntimeVersion": "containerd://2.0"},
        "capacity": {"cpu": "2", "memory": "24684092Ki"},
    }
}


def test_a_run_is_kept_whole(tmp_path: Path) -> None:
    environment = Environment("v1.35.4", (Node.of(NODE),), "Redis server v=7.0", 2, "3.11.7", 0.5)
    stages = {"raw": Found({"raw": 267.0}, {"pairs": 3_000}), "batch": Found(error="not installed")}
    run = Run(Options(), environment, stages, {"raw": 267.0}, judge({"raw": 267.0}))
    kept = json.loads(write(run, tmp_path / "bench" / "capacity.json").read_text())
    assert kept["figures"] == {"raw": 267.0}
    assert kept["environment"]["nodes"][0]["cores"] == "2"
    assert kept["stages"]["raw"]["facts"] == {"pairs": 3_000}
    assert kept["stages"]["batch"]["error"] == "not installed"
    assert kept["bars"][0]["verdict"] == "not measured"
