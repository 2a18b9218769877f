from __future__ import annotations

import pytest

from penstock import telemetry
from penstock.kube import Manifest
from penstock_operator.batches.view import BatchView

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def body(generation: int = 1, uid: str = "u", **spec: object) -> Manifest:
    meta = {"namespace": "shop", "name": "a", "uid": uid, "generation": generation, "annotations": {}}
    meta |= {"creationTimestamp": "2026-11-21T10:00:00Z"}
    return {"metadata": meta, "spec": {"task": "mail.send", **spec}}


def test_its_id_and_trace() -> None:
    view = BatchView.of(body())
    assert view.id == "mail.b.u"
    assert view.traceparent == telemetry.derived("u")
    traced = body()
    traced["metadata"]["annotations"] = {telemetry.ANNOTATION: PARENT}
    assert BatchView.of(traced).traceparent == PARENT


def test_a_spec_is_parsed_once_a_generation() -> None:
    first = BatchView.of(body(items=[{}]))
    assert BatchView.of(body(items=[{}]), first).spec is first.spec
    assert BatchView.of(body(2, items=[{}]), first).spec is not first.spec
    assert BatchView.of(body(uid="v", items=[{}]), first).spec is not first.spec


@pytest.mark.parametrize(
    ("status", "run", "finished"),
    [
        ({}, 1, False),
        ({"phase": "Running", "run": 1}, 1, False),
        ({"phase": "Failed", "run": 1}, 1, True),
        ({"phase": "Failed", "run": 1}, 2, False),
    ],
)
def test_whether_its_run_has_ended(status: Manifest, run: int, finished: bool) -> None:
    assert BatchView.of(body(run=run) | {"status": status}).finished is finished
