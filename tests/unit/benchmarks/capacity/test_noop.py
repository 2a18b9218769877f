from __future__ import annotations

import pytest
from benchmarks.capacity.jobs import job
from benchmarks.capacity.noop import complete, labels, new_run, of_run, task

from penstock.kube import Manifest
from penstock.resources.task import Task


def test_it_is_a_task_that_the_schema_takes() -> None:
    found = Task.model_validate(task("ab12", 7))
    assert (found.spec.task, found.metadata.name) == ("shop.noop", "bench-ab12-7")


def test_a_runs_selector_finds_its_objects_and_the_common_one_finds_all() -> None:
    pairs = {f"{key}={value}" for key, value in labels("ab12").items()}
    assert set(of_run("ab12").split(",")) == pairs
    assert of_run() in pairs
    for body in (task("ab12", 0), job("ab12", 0, "image")):
        assert body["metadata"]["labels"] == labels("ab12")


def test_runs_differ() -> None:
    assert new_run() != new_run()


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        ({}, False),
        ({"status": {}}, False),
        ({"status": {"conditions": [{"type": "Complete", "status": "False"}]}}, False),
        ({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}, False),
        (
            {
                "status": {
                    "conditions": [{"type": "Finished", "status": "True"}, {"type": "Complete", "status": "True"}]
                }
            },
            True,
        ),
    ],
)
def test_complete_is_the_condition(body: Manifest, holds: bool) -> None:
    assert complete(body) is holds
