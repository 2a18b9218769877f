"""The chart's life: test, upgrade, uninstall. Comes last, for it takes Penstock away."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import SYSTEM, make_pool
from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync

CHART = Path(__file__).parents[2] / "charts/penstock"


VALUES = Path(os.environ.get("PENSTOCK_E2E_FILES", ".")) / "values.json"


def helm(*arguments: str, timeout: float = 240) -> str:
    environment = {**os.environ, "KUBECONFIG": os.environ["PENSTOCK_E2E_KUBECONFIG"]}
    command = ["helm", *arguments, "--namespace", SYSTEM]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def inhabited(cluster: Kubectl) -> Kubectl:
    """A namespace with a pool and a finished Task, which must outlive the chart."""
    cluster("create", "namespace", "inhabited")
    namespace = cluster.within("inhabited")
    make_pool(namespace)
    namespace.task("kept", "add", 1, 1)
    namespace.finished("kept")
    return namespace


def test_helm_test_passes() -> None:
    assert "Succeeded" in helm("test", "penstock", "--timeout=90s")


def test_an_upgrade_brings_new_crds(cluster: Kubectl, tmp_path: Path) -> None:
    chart = tmp_path / "penstock"
    shutil.copytree(CHART, chart)
    crd = chart / "templates/crds/tasks.yaml"
    column = "- {name: New, type: string, jsonPath: .spec.priority}\n"
    text = crd.read_text()
    marker = text.index("additionalPrinterColumns:")
    line_end = text.index("\n", marker) + 1
    indent = " " * (len(text[line_end:]) - len(text[line_end:].lstrip(" ")))
    crd.write_text(text[:line_end] + indent + column + text[line_end:])
    helm("upgrade", "penstock", str(chart), "--reuse-values", "--wait", "--timeout=120s")
    columns = "{.spec.versions[0].additionalPrinterColumns[*].name}"
    assert "New" in cluster.value("crd/tasks.penstock.dev", columns)
    helm("upgrade", "penstock", str(CHART), "--reuse-values", "--wait", "--timeout=120s")
    assert "New" not in cluster.value("crd/tasks.penstock.dev", columns)


def test_uninstalling_leaves_crds_and_what_users_made(inhabited: Kubectl, cluster: Kubectl) -> None:
    rendered = [item for item in yaml.safe_load_all(helm("get", "manifest", "penstock")) if item]
    helm("uninstall", "penstock", "--wait", "--timeout=180s")
    left = [
        f"{item['kind']}/{item['metadata']['name']}"
        for item in rendered
        if cluster.within(item["metadata"].get("namespace", SYSTEM))(
            "get", item["kind"], item["metadata"]["name"], "--ignore-not-found"
        )
    ]
    assert sorted(left) == [
        "CustomResourceDefinition/taskbatches.penstock.dev",
        "CustomResourceDefinition/taskqueues.penstock.dev",
        "CustomResourceDefinition/tasks.penstock.dev",
        "CustomResourceDefinition/workerpools.penstock.dev",
    ]
    assert inhabited.phase("kept") == "Succeeded"
    assert inhabited("get", "ppool", "-o", "name").split() == ["workerpool.penstock.dev/e2e"]
    given = inhabited("get", "secret,serviceaccount,rolebinding,deployment", "-o", "name")
    assert given.split() == ["serviceaccount/default"]
    wait_sync(lambda: not cluster.within(SYSTEM)("get", "pods,jobs", "-o", "name"), "the last pod to go")


def test_namespaces_can_be_deleted_without_help(inhabited: Kubectl, cluster: Kubectl) -> None:
    inhabited.task("orphan", "add", 1, 1)
    cluster("delete", "namespace", "inhabited", SYSTEM, "--timeout=90s")


@pytest.fixture(scope="module")
def narrow(cluster: Kubectl) -> Iterator[Kubectl]:
    """The release again, for one namespace alone, with a second one for a shard of its Tasks."""
    for name in (SYSTEM, "narrow", "elsewhere"):
        cluster("create", "namespace", name)
    values = ("--values", str(VALUES), "--set", "watchNamespaces={narrow}", "--wait", "--timeout=120s")
    helm("install", "penstock", str(CHART), *values, "--set-string", "operator.taskSelector=shard notin (b)")
    beside = {
        "crds.install": "false",
        "collector.enabled": "false",
        "redis.enabled": "false",
        "redis.existingSecret": "penstock-broker",
        "operator.onlyTasks": "true",
        "operator.taskSelector": "shard=b",
    }
    settings = [part for name, value in beside.items() for part in ("--set", f"{name}={value}")]
    helm("install", "penstock-b", str(CHART), *values, *settings)
    make_pool(cluster.within("narrow"))
    yield cluster.within("narrow")
    helm("uninstall", "penstock-b", "--wait")
    helm("uninstall", "penstock", "--wait", "--timeout=180s")
    cluster("delete", "namespace", "narrow", "elsewhere", SYSTEM, "--timeout=90s")


def may(cluster: Kubectl, namespace: str, *what: str) -> bool:
    """Whether the operator is allowed something there."""
    account = f"--as=system:serviceaccount:{SYSTEM}:penstock-operator"
    try:
        return cluster.within(namespace)("auth", "can-i", *what, account).strip() == "yes"
    except Refused:
        return False  # kubectl says no by its exit code


def test_it_may_work_in_one_namespace_alone(narrow: Kubectl, cluster: Kubectl) -> None:
    narrow.task("mine", "add", 1, 1)
    cluster.within("elsewhere").task("not-mine", "add", 1, 1)
    assert narrow.finished("mine")["result"] == 2
    assert cluster.within("elsewhere").phase("not-mine") == "Pending"
    assert may(cluster, "narrow", "list", "tasks.penstock.dev")
    assert not may(cluster, "elsewhere", "list", "tasks.penstock.dev")
    assert not may(cluster, "elsewhere", "create", "secrets")
    assert "Succeeded" in helm("test", "penstock", "--timeout=90s")


def test_a_shard_has_an_operator_of_its_own(narrow: Kubectl, cluster: Kubectl) -> None:
    system = cluster.within(SYSTEM)
    system("scale", "deploy/penstock-operator", "--replicas=0", "--timeout=60s")
    wait_sync(lambda: system("get", "lease/penstock-operator", "-o", HOLDER) == "", "the first to have gone")
    for name, labels in (("of-b", {"shard": "b"}), ("of-a", {})):
        narrow.apply(
            {
                "apiVersion": "penstock.dev/v1alpha1",
                "kind": "Task",
                "metadata": {"name": name, "labels": labels},
                "spec": {"task": "e2e.add", "args": [2, 2]},
            }
        )
    assert narrow.finished("of-b")["result"] == 4
    assert narrow.phase("of-a") == "Pending"
    system("scale", "deploy/penstock-operator", "--replicas=1", "--timeout=60s")
    assert narrow.finished("of-a")["result"] == 4


HOLDER = "jsonpath={.spec.holderIdentity}"
