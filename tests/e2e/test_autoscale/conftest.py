"""Autoscaling on a real cluster: pools in one namespace, a driver that submits straight to the broker, and a record of
all that the API server told of Deployments and pods."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Objects, Tasks
from tests.e2e.conftest import TASKS
from tests.e2e.kubectl import Kubectl
from tests.e2e.recording import Recording
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.driver import driver as driving
from tests.e2e.test_autoscale.figures import Figures
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.pools import SOURCE, pool
from tests.e2e.test_autoscale.scale import Scale, chosen
from tests.waiting import wait_sync

TEST_SECONDS = {"short": 180, "full": 3600}
Fleets = Callable[..., Fleet]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers take their time to come and go."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS[os.environ.get("PENSTOCK_FAULTS", "short")]))


@pytest.fixture(scope="package")
def namespace(cluster: Kubectl) -> Iterator[Kubectl]:
    """One for all of these tests."""
    name = f"autoscale-{uuid.uuid4().hex[:5]}"
    cluster("create", "namespace", name)
    cluster("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    namespace = cluster.within(name)
    namespace("create", "configmap", SOURCE, f"--from-file=tasks.py={TASKS}")
    yield namespace
    cluster("delete", "namespace", name, "--timeout=120s", timeout=150)


@pytest.fixture(scope="package")
def deployments(namespace: Kubectl, proxied: int) -> Iterator[Recording]:
    with Recording(Objects(proxied, namespace.namespace, "/apis/apps/v1", "deployments")) as recording:
        yield recording


@pytest.fixture(scope="package")
def pods(namespace: Kubectl, proxied: int) -> Iterator[Recording]:
    with Recording(Objects(proxied, namespace.namespace, "/api/v1", "pods")) as recording:
        yield recording


@pytest.fixture
def fleet(namespace: Kubectl, deployments: Recording, pods: Recording) -> Iterator[Fleets]:
    """Makes pools, which go after the test: `fleet("name", {autoscaling}, **spec)`."""
    made: list[Fleet] = []

    def make(name: str, autoscaling: dict[str, object] | None = None, **spec: object) -> Fleet:
        namespace.apply(pool(name, autoscaling, **spec))
        made.append(one := Fleet(namespace, name, deployments, pods))
        one.appears()
        return one

    yield make
    for one in made:
        namespace("delete", f"ppool/{one.pool}", "--ignore-not-found")
        one.shrinks(0)


@pytest.fixture(scope="package")
def driver(namespace: Kubectl, images: dict[str, str]) -> Iterator[Driver]:
    """Submits straight to the broker."""
    namespace.apply(pool("first"))
    wait_sync(lambda: "penstock-broker" in namespace("get", "secret", "-o", "name"), "the broker's Secret")
    with driving(namespace, images["worker"]) as driver:
        yield driver


@pytest.fixture
def tasks(namespace: Kubectl, proxied: int) -> Tasks:
    """Task resources."""
    return Tasks(proxied, namespace.namespace)


@pytest.fixture(scope="session")
def scale() -> Scale:
    return chosen()


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """What was measured; written to PENSTOCK_AUTOSCALE_OUT."""
    figures = Figures()
    yield figures
    print(f"\n{figures.table()}")
    if out := os.environ.get("PENSTOCK_AUTOSCALE_OUT"):
        figures.write(Path(out))
