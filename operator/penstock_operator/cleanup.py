"""`python -m penstock_operator.cleanup`: what `helm uninstall` runs first. Takes back what the operator made in users'
namespaces; their own resources, and Tasks with their results, stay."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping

from penstock.environment import names
from penstock.errors import PenstockError
from penstock.kube import Kube, Resource
from penstock_operator.api import DEPLOYMENTS, NAMESPACES, PODS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS
from penstock_operator.manifests import BROKER_SECRET, MANAGED, SERVICE_ACCOUNT

STOP_SECONDS = 60.0
LOOK_SECONDS = 0.5
GIVEN: tuple[tuple[Resource, str], ...] = (
    (ROLE_BINDINGS, SERVICE_ACCOUNT),
    (SERVICE_ACCOUNTS, SERVICE_ACCOUNT),
    (SECRETS, BROKER_SECRET),
)


async def main() -> int:
    """1. stop the operator, which would make it all again, 2. the workers, 3. what namespaces were given."""
    kube = await Kube.connect()
    try:
        await _stop_operator(kube, os.environ["PENSTOCK_SYSTEM_NAMESPACE"], os.environ["PENSTOCK_OPERATOR"])
        for namespace in await _namespaces(kube, names(os.environ.get("PENSTOCK_WATCH_NAMESPACES", ""))):
            await _stop_workers(kube, namespace)
            await _take_back(kube, namespace)
    except PenstockError as error:
        print(f"FAILED: {error}; `helm uninstall --no-hooks` leaves this out")
        return 1
    finally:
        await kube.close()
    return 0


async def _stop_operator(kube: Kube, namespace: str, name: str) -> None:
    """Return when its last pod is gone: one that is only being stopped counts no more as a replica, and still works."""
    operator = await kube.merge(DEPLOYMENTS, namespace, name, {"spec": {"replicas": 0}})
    pods = _selector(operator["spec"]["selector"]["matchLabels"])
    until = time.monotonic() + STOP_SECONDS
    while [pod async for pod in kube.list(PODS, namespace, labelSelector=pods)]:
        if time.monotonic() > until:
            print(f"{namespace}/{name} hasn't stopped within {STOP_SECONDS:g} s; going on all the same")
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _namespaces(kube: Kube, named: tuple[str, ...]) -> list[str]:
    """Those that the operator worked in."""
    return list(named) or [namespace["metadata"]["name"] async for namespace in kube.list(NAMESPACES)]


async def _stop_workers(kube: Kube, namespace: str) -> None:
    async for workers in kube.list(DEPLOYMENTS, namespace, labelSelector=_selector(MANAGED)):
        meta = workers["metadata"]
        await kube.delete(DEPLOYMENTS, namespace, meta["name"], uid=meta["uid"])
        print(f"deleted the workers {namespace}/{meta['name']}")


async def _take_back(kube: Kube, namespace: str) -> None:
    for resource, name in GIVEN:
        found = await kube.get(resource, namespace, name)
        if found is not None and MANAGED.items() <= found["metadata"].get("labels", {}).items():
            await kube.delete(resource, namespace, name, uid=found["metadata"]["uid"])
            print(f"deleted {resource.plural} {namespace}/{name}")


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
