"""What is read of an object, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.shallow import CUT, shallow
from penstock_operator.admission.view import TaskView
from penstock_operator.autoscale.pod_view import PodView
from penstock_operator.batches.view import BatchBody, BatchView
from penstock_operator.pools.workloads import Workload
from penstock_operator.watching.source import TOO_DEEP, Item, Kind, Source
from penstock_operator.watching.stored import Kind as Stored
from tests.unit.penstock_operator.admission.views import body

KINDS: list[Kind[Item]] = [TaskView, BatchBody, PodView, Workload, Stored(WorkerPool), Stored(TaskQueue)]
METADATA = {
    **{"namespace": "shop", "name": "a", "uid": "uid-1", "creationTimestamp": "2026-11-01T09:00:00Z"},
    "labels": {"penstock.dev/pool": "fast"},
}
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
FIELDS = [
    "task",
    "queue",
    "run",
    "notBefore",
    "priority",
    "retry",
    "dependsOn",
    "args",
    "items",
    "app",
    "queues",
    "template",
]
specs = st.dictionaries(st.sampled_from(FIELDS) | st.text(), anything, max_size=6)
PARTS = ["phase", "run", "finishedAt", "conditions", "observedGeneration", "containerStatuses"]
statuses = st.dictionaries(st.sampled_from(PARTS) | st.text(), anything, max_size=4)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: getattr(kind, "__name__", str(kind)))
@given(specs | anything, statuses | anything)
def test_anything_is_read_as_an_item(kind: Kind[Item], spec: Any, status: Any) -> None:
    raw = json.dumps({"metadata": METADATA, "spec": spec, "status": status}).encode()
    assert Source("", kind).read(raw).uid == "uid-1"


@given(specs | anything, statuses | anything)
def test_a_batch_too_once_it_is_looked_at(spec: Any, status: Any) -> None:
    view = BatchView.misread({"metadata": METADATA, "spec": spec, "status": status}, "odd")
    assert (view.ref.uid, view.problem) == ("uid-1", "odd")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: getattr(kind, "__name__", str(kind)))
@pytest.mark.parametrize("where", ["spec", "status", "metadata"])
def test_what_is_nested_too_deep_is_read_as_far_as_that_goes(kind: Kind[Item], where: str) -> None:
    whole = {"metadata": METADATA, "spec": {}, "status": {}}
    whole[where] = {**whole[where], "managedFields": "HERE"}
    raw = json.dumps(whole).encode().replace(b'"HERE"', b"[" * 5_000 + b"]" * 5_000)
    assert Source("", kind).read(raw).uid == "uid-1"


def test_what_was_cut_from_a_page_is_not_run_without_it() -> None:
    raw = json.dumps(body({"args": ["HERE"]})).encode().replace(b'"HERE"', b"[" * 1_100 + b"]" * 1_100)
    cut = shallow(raw)
    assert CUT in cut
    assert Source("", TaskView).read(cut).problem == TOO_DEEP


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"notBefore": "2026-11-01T09:00:00+99:99"}, "spec.notBefore: Invalid RFC3339 encoded datetime"),
        ({"notBefore": "0000-01-01T00:00:00Z"}, "spec.notBefore: Invalid RFC3339 encoded datetime"),
        ({"notBefore": "9999-12-31T23:59:59-14:00"}, "spec.notBefore: 9999-12-31 23:59:59-14:00 is more than 10 years"),
        (
            {"notBefore": "2999-01-01T00:00:00Z"},
            "spec.notBefore: 2999-01-01 00:00:00+00:00 is more than 10 years",
        ),
        ({"priority": "urgent"}, "spec.priority: Invalid enum value 'urgent'"),
        ({"run": "2"}, "spec.run: Expected `int`, got `str`"),
        ({"args": ["HERE"]}, "spec.args or spec.kwargs: it is nested deeper than 100 levels: pass a reference instead"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_problem_names_the_field(spec: dict[str, object], problem: str) -> None:
    raw = json.dumps(body(spec)).encode().replace(b'"HERE"', b"[" * 120 + b"]" * 120)
    found = Source("", TaskView).read(raw)
    assert found.problem.startswith(problem)
    assert found.spec.task == "mail.send"
