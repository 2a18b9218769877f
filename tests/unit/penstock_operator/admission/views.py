"""TaskViews for tests, and strategies for any of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from penstock.kube import Manifest
from penstock.report import moment
from penstock.status import Phase
from penstock_operator.admission.view import TaskView

CREATED = 1_700_000_000.0


def body(
    spec: Manifest | None = None, status: Manifest | None = None, annotations: dict[str, str] | None = None
) -> Manifest:
    """A Task as the API server gives it."""
    return {
        "metadata": {
            "namespace": "shop",
            "name": "a",
            "uid": "uid-1",
            "generation": 2,
            "creationTimestamp": moment(CREATED),
            "annotations": annotations or {},
        },
        "spec": {"task": "mail.send", "run": 1, **(spec or {})},
        "status": {"phase": "Pending", "observedGeneration": -1, **(status or {})},
    }


def parsed(task: Manifest) -> TaskView:
    """What the operator makes of the API server's JSON."""
    return TaskView.parse(msgspec.json.encode(task))


def view(spec: Manifest | None = None, status: Manifest | None = None) -> TaskView:
    """A Task as the operator keeps it."""
    return parsed(body(spec, status))


seconds = st.integers(1, 10_000)
optional = st.one_of(st.none(), seconds)


@st.composite
def views(draw: st.DrawFn, phases: Sequence[Phase] = tuple(Phase)) -> TaskView:
    """Any Task."""
    run = draw(st.integers(1, 3))
    spec = {
        "run": run,
        "cancel": draw(st.booleans()),
        "suspend": draw(st.booleans()),
        "deadlineSeconds": draw(optional),
        "ttlSecondsAfterFinished": draw(optional),
        "dependsOn": draw(st.sampled_from([None, [{"name": "b"}]])),
        "args": draw(st.sampled_from([None, [1], ["x" * 200_000]])),
    }
    status = {
        "phase": draw(st.sampled_from(phases)),
        "run": draw(st.integers(1, run)),
        "finishedAt": draw(st.sampled_from([None, moment(CREATED + 5)])),
    }
    return view({field: value for field, value in spec.items() if value is not None}, status)
