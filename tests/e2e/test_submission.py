"""Python submits: straight to the broker from inside a namespace, and as resources from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock import Penstock, Phase, TaskCancelled, TaskFailed
from tests.e2e import tasks as remote
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

# A service of the namespace: it mounts the Secret, and knows nothing else of Penstock's installation.
SERVICE = """
import asyncio
import tasks
from penstock import TaskFailed, TaskCancelled, tracing

async def main():
    flush = tracing.configure("e2e-service")
    async with tasks.app:
        assert await (await tasks.add.enqueue(20, 22)).result(timeout=30) == 42
        handles = await tasks.app.enqueue_many(tasks.add.s(n, 1) for n in range(500))
        assert [await handle.result(timeout=30) for handle in handles] == [n + 1 for n in range(500)]
        try:
            await (await tasks.broken.enqueue("remote trouble")).result(timeout=30)
        except TaskFailed as error:
            assert error.type == "ValueError" and "broken" in error.traceback
        handle = await tasks.slow.enqueue(60)
        while (await handle.status()).phase != "Running":
            await asyncio.sleep(0.05)
        assert await handle.cancel()
        try:
            await handle.result(timeout=10)
        except TaskCancelled:
            print("all as promised", flush=True)
    flush()
asyncio.run(main())
"""


# What follows what, on the pool's workers.
FLOWS = """
import asyncio
import tasks
from penstock import TaskFailed, each, group, previous

async def ended(flow):
    return await (await flow.enqueue()).result(timeout=30)

async def main():
    async with tasks.app:
        assert await ended(tasks.add.s(1, 2) | tasks.add.s(previous, 10) | tasks.echo) == 13
        assert await ended(group(tasks.add.s(1, 2), tasks.echo.s("x"))) == [3, "x"]
        assert await ended(tasks.echo.map(range(500)) | tasks.total) == 124750
        assert await ended(tasks.upto.s(500) | each(tasks.echo) | tasks.total) == 124750
        assert await ended(group(tasks.broken.s("no"), tasks.add.s(1, 1)).or_none()) == [None, 2]
        try:
            await ended(tasks.broken.s("at the start") | tasks.echo | tasks.echo)
        except TaskFailed as error:
            assert error.type == "ValueError" and "ValueError: at the start" in str(error)
        assert await (await tasks.resumed.enqueue()).result(timeout=30) == "half way, attempt 2"
        handle = await tasks.parent.enqueue(60)
        while (await tasks.app.queue().depth()).in_flight < 4:
            await asyncio.sleep(0.05)
        assert await handle.cancel()
        while (await tasks.app.queue().depth()).backlog:
            await asyncio.sleep(0.05)
        print("all as promised", flush=True)

asyncio.run(asyncio.wait_for(main(), 120))
"""


def service(name: str, image: str, script: str) -> dict[str, object]:
    """A pod with the broker's Secret and the app's code, under `restricted`."""
    secret = {"name": "penstock-broker"}
    env = [
        {"name": "PENSTOCK_URL", "valueFrom": {"secretKeyRef": {**secret, "key": "url"}}},
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "valueFrom": {"secretKeyRef": {**secret, "key": "otlpEndpoint"}}},
        {"name": "PENSTOCK_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ]
    container = {
        "name": "service",
        "image": image,
        "command": ["python", "-c", script],
        "env": env,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "code", "mountPath": "/app"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "code", "configMap": {"name": "e2e"}}],
        },
    }


def run_service(pool: Kubectl, name: str, image: str, script: str) -> None:
    pool.apply(service(name, image, script))
    over = ("Succeeded", "Failed")
    wait_sync(lambda: pool.value(f"pod/{name}", "{.status.phase}") in over, "the service to end", patience=60)
    assert "all as promised" in pool("logs", f"pod/{name}")


def test_a_service_enqueues_with_the_secret(pool: Kubectl, images: dict[str, str]) -> None:
    run_service(pool, "service", images["worker"], SERVICE)


def test_flows_children_and_checkpoints_on_the_pool(pool: Kubectl, images: dict[str, str]) -> None:
    run_service(pool, "flows", images["worker"], FLOWS)


@pytest.fixture
def app(pool: Kubectl, monkeypatch: pytest.MonkeyPatch) -> Penstock:
    """The app as seen from outside the cluster: no broker, a kubeconfig."""
    monkeypatch.setenv("KUBECONFIG", str(Path(os.environ["PENSTOCK_E2E_KUBECONFIG"])))
    monkeypatch.setitem(remote.app.connections.__dict__, "namespace", pool.namespace)
    return remote.app


async def test_as_a_resource(app: Penstock) -> None:
    async with app:
        handle = await remote.add.options(resource="from-python").enqueue(40, 2)
        assert handle.id == "from-python"
        assert await handle.result(timeout=30) == 42
        assert (await handle.status()).phase is Phase.SUCCEEDED


async def test_many_as_resources(app: Penstock) -> None:
    async with app:
        handles = await app.enqueue_many(remote.add.options(resource=True).s(n, n) for n in range(20))
        assert [await handle.result(timeout=30) for handle in handles] == [2 * n for n in range(20)]


async def test_failures_and_cancellations_of_resources(app: Penstock) -> None:
    async with app:
        failing = await remote.broken.options(resource=True).enqueue("as told")
        with pytest.raises(TaskFailed, match="ValueError: as told"):
            await failing.result(timeout=30)
        endless = await remote.slow.options(resource=True).enqueue(60)
        assert await endless.cancel()
        with pytest.raises(TaskCancelled):
            await endless.result(timeout=30)
