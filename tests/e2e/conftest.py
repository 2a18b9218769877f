"""A real cluster with Penstock installed from its chart. `make test` puts it at KUBECONFIG; nothing here is faked."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from local_cluster import providers
from tests.e2e.api import proxy
from tests.e2e.kubectl import TERMINAL, Kubectl, Refused
from tests.e2e.node import Node
from tests.e2e.operator_pods import OperatorPods
from tests.waiting import wait_sync

SYSTEM = "penstock-system"
TASKS = Path(__file__).parent / "tasks.py"
# Short, so that a killed worker's tasks are taken over within a test's patience.
LEASE_SECONDS = 3


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """kubectl on the cluster under test."""
    kubeconfig = os.environ.get("PENSTOCK_E2E_KUBECONFIG", "")
    if not Path(kubeconfig).is_file():
        pytest.fail("no cluster: run `make test`, or set PENSTOCK_E2E_KUBECONFIG to one with Penstock installed")
    return Kubectl(kubeconfig)


@pytest.fixture(scope="session")
def system(cluster: Kubectl) -> Kubectl:
    """kubectl in the namespace of the release."""
    return cluster.within(SYSTEM)


@pytest.fixture(scope="module")
def namespace(cluster: Kubectl, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace of the module's own, which must go without help at the end."""
    module = re.sub("[^a-z0-9]", "-", request.module.__name__.rpartition(".")[2].removeprefix("test_"))
    name = f"{module}-{uuid.uuid4().hex[:5]}"
    cluster("create", "namespace", name)
    cluster("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield cluster.within(name)
    cluster("delete", "namespace", name, "--timeout=90s")


@pytest.fixture(scope="module")
def pool(namespace: Kubectl) -> Kubectl:
    """A pool of one to three workers with the tasks of tests/e2e/tasks.py mounted into the worker image."""
    make_pool(namespace)
    namespace("wait", "ppool/e2e", "--for=condition=Ready", "--timeout=60s")
    wait_sync(lambda: namespace.value("ppool/e2e", "{.status.readyReplicas}") == "1", "the first worker")
    return namespace


def make_pool(namespace: Kubectl, processes: int = 1, **autoscaling: object) -> None:
    """The pool `e2e`, from a ConfigMap."""
    namespace("create", "configmap", "e2e", f"--from-file=tasks.py={TASKS}")
    # The pause container is the pods' first process, so that a worker can be killed as any other process.
    template = {
        "spec": {
            "shareProcessNamespace": True,
            "containers": [
                {"name": "worker", "env": [{"name": "PENSTOCK_LEASE_SECONDS", "value": str(LEASE_SECONDS)}]}
            ],
        }
    }
    namespace.apply(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "WorkerPool",
            "metadata": {"name": "e2e"},
            "spec": {
                "app": "tasks:app",
                "queues": ["e2e"],
                "concurrency": 8,
                "processes": processes,
                "drainSeconds": 5,
                "source": {"configMap": "e2e"},
                "template": template,
                "autoscaling": {"minReplicas": 1, "maxReplicas": 3, "idleSeconds": 3, **autoscaling},
            },
        }
    )


@pytest.fixture(scope="session")
def images(cluster: Kubectl) -> dict[str, str]:
    """The images that were built for this run."""
    return dict(json.loads((Path(os.environ["PENSTOCK_E2E_FILES"]) / "images.json").read_text())["built"])


@pytest.fixture(scope="session")
def node(cluster: Kubectl) -> Node:
    """The node, for faults that only one of our own can be given."""
    name = Path(os.environ["PENSTOCK_E2E_FILES"]).name
    provider = providers.choose(name)
    if not isinstance(provider, providers.OwnNode) or not provider.is_there():
        pytest.skip(f"cluster {name} isn't a node of our own: nobody may stop its programs or drop its packets")
    return Node(provider.state)


@pytest.fixture
def operator(system: Kubectl) -> Iterator[OperatorPods]:
    """The operator, which must be well before and after each fault."""
    pods = OperatorPods(system)
    pods.wait_ready()
    yield pods
    pods.wait_ready()


@pytest.fixture(scope="session")
def proxied(cluster: Kubectl) -> Iterator[int]:
    """The port of a proxy to the API server."""
    with proxy(cluster.kubeconfig) as port:
        yield port


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What stands on the cluster when a test fails: its namespace is gone right afterwards."""
    report = yield
    namespace = getattr(item, "funcargs", {}).get("namespace")
    if report.when == "call" and report.failed and isinstance(namespace, Kubectl):
        system = namespace.within(SYSTEM)
        report.sections += [
            ("resources", said(namespace, "get", "ptask,ppool,pods", "-o", "wide")),
            ("unfinished Tasks", said(namespace, "get", "ptask", "-o", "yaml", "--field-selector", UNFINISHED)),
            (
                "workers",
                said(namespace, "logs", "-l", "app.kubernetes.io/managed-by=penstock", "--tail=60", "--prefix"),
            ),
            ("operator", said(system, "logs", "deploy/penstock-operator", "--tail=60")),
            (
                "redis",
                said(system, "exec", "deploy/penstock-redis", "--", "sh", "-c", DUMP.format(namespace.namespace)),
            ),
        ]
    return report


UNFINISHED = ",".join(f"status.phase!={phase}" for phase in TERMINAL)
# The keys of the namespace's queues, and streams with their pending messages; not the outcomes, of which there may be
# thousands.
DUMP = """
password=$(sed -n 's/^requirepass //p' /etc/redis/redis.conf)
cli() {{ redis-cli --no-auth-warning -a "$password" "$@"; }}
for key in $(cli --scan --pattern 'penstock:{{{}/*' | grep -v :task: | head -n 100); do
  echo "$key"; case $key in
    *:stream:*) cli xrange "$key" - +; cli xinfo groups "$key"; cli xpending "$key" workers - + 100 ;;
  esac
done
"""


def said(kubectl: Kubectl, *arguments: str) -> str:
    """What a command printed, or why it couldn't."""
    try:
        return kubectl(*arguments)
    except Refused as refusal:
        return str(refusal)
