from __future__ import annotations

from benchmarks.capacity.noop import complete, task
from benchmarks.capacity.raw import patch


def test_the_patch_is_a_workers_for_a_task_that_succeeded() -> None:
    made = task("ab12", 0)
    made["metadata"] |= {"namespace": "default", "uid": "0f9c4b7e-0000-4000-8000-000000000001"}
    *checks, write = patch(made, 1_800_000_000.0)
    assert [check["path"] for check in checks] == ["/metadata/uid", "/spec/run"]
    assert {check["op"] for check in checks} == {"test"}
    assert (write["path"], write["value"]["phase"]) == ("/status", "Succeeded")
    assert complete({"status": write["value"]})
