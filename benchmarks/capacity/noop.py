"""The Tasks that are measured with: no-ops of the demo's shop, labelled so that they can be watched and removed."""

from __future__ import annotations

import uuid

from penstock.kube import Manifest
from penstock.resources.kinds import API_VERSION

__all__ = ["LABEL", "RUN_LABEL", "TASK", "complete", "labels", "new_run", "of_run", "task"]

LABEL = "penstock.dev/bench"
VALUE = "capacity"
RUN_LABEL = "penstock.dev/bench-run"
TASK = "shop.noop"
TTL_SECONDS = 6 * 3600  # longer than any run: what is live is decided here, not by the clock


def new_run() -> str:
    """A name for Tasks that are counted together."""
    return uuid.uuid4().hex[:8]


def labels(run: str) -> dict[str, str]:
    """What marks an object as this benchmark's."""
    return {LABEL: VALUE, RUN_LABEL: run}


def of_run(run: str | None = None) -> str:
    """The label selector of a run's objects; of all runs' without one."""
    return f"{LABEL}={VALUE}" + (f",{RUN_LABEL}={run}" if run else "")


def task(run: str, number: int) -> Manifest:
    """A Task that does nothing, and stays."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Task",
        "metadata": {"name": f"bench-{run}-{number}", "labels": labels(run)},
        "spec": {"task": TASK, "ttlSecondsAfterFinished": TTL_SECONDS},
    }


def complete(body: Manifest) -> bool:
    """What `kubectl wait --for=condition=Complete` waits for; Jobs have it too."""
    conditions = body.get("status", {}).get("conditions", ())
    return any(c["type"] == "Complete" and c["status"] == "True" for c in conditions)
