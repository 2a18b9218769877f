"""The chart's life: test, upgrade, uninstall. Comes last, for it takes Penstock away."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import SYSTEM, make_pool
from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

CHART = Path(__file__).parents[2] / "charts/penstock"


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
