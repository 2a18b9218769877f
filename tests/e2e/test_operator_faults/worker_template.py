"""The pool's pod template, changed for a while: its workers are replaced twice."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.e2e.api import Manifest
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

POOL = "ppool/e2e"
WORKERS = "deploy/e2e-workers"


@contextmanager
def patched(
    pool: Kubectl, env: Sequence[Manifest], *, volumes: Sequence[Manifest] = (), mounts: Sequence[Manifest] = ()
) -> Iterator[None]:
    """More environment, volumes and mounts for the workers."""
    before = pool.json(POOL)["spec"]["template"]
    changed = copy.deepcopy(before)
    [worker] = changed["spec"]["containers"]
    worker["env"] = [*worker.get("env", ()), *env]
    worker["volumeMounts"] = [*worker.get("volumeMounts", ()), *mounts]
    changed["spec"]["volumes"] = [*changed["spec"].get("volumes", ()), *volumes]
    _put(pool, changed)
    try:
        yield
    finally:
        _put(pool, before)


def rolled_out(pool: Kubectl, variable: str, value: str) -> None:
    """Return when all workers have this in their environment."""
    path = f'{{.spec.template.spec.containers[?(@.name=="worker")].env[?(@.name=="{variable}")].value}}'
    wait_sync(lambda: pool.value(WORKERS, path) == value, f"workers with {variable}={value}")
    pool("rollout", "status", WORKERS, "--timeout=90s")


def _put(pool: Kubectl, template: Manifest) -> None:
    change = [{"op": "replace", "path": "/spec/template", "value": template}]
    pool("patch", POOL, "--type=json", "-p", json.dumps(change))
