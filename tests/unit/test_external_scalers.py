"""docs/how-to/external-scalers.md: what its YAML names is there, in the chart, the CRDs and the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from penstock.explanation import path
from penstock.resources.autoscaling import Mode
from penstock.resources.kinds import API_VERSION, WORKER_POOL
from penstock.resources.pool import WorkerPool
from penstock.telemetry import Metric
from penstock_operator.surface.explanations import flat
from tests.unit.penstock_operator.views import FAST

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/external-scalers.md").read_text("utf-8")
CHART = ROOT / "charts/penstock"
HELM = shutil.which("helm")
SUFFIXES = ("", "_seconds", "_per_second", "_total")  # by the unit and the kind, as Prometheus spells them


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@cache
def documents() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in blocks("yaml")]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document.get("kind") == kind]


def pool() -> WorkerPool:
    [document] = of_kind("WorkerPool")
    return WorkerPool.model_validate(document)


@cache
def services() -> dict[str, dict[str, Any]]:
    command = [HELM or "helm", "template", "penstock", str(CHART), "--namespace", "penstock-system"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    objects = [item for item in yaml.safe_load_all(done.stdout) if item and item["kind"] == "Service"]
    return {item["metadata"]["name"]: item["spec"] for item in objects}


def triggers(type: str) -> list[dict[str, str]]:
    found = [trigger for scaled in of_kind("ScaledObject") for trigger in scaled["spec"]["triggers"]]
    return [trigger["metadata"] for trigger in found if trigger["type"] == type]


def test_the_pool_is_one_that_the_model_takes() -> None:
    assert pool().spec.autoscaling.mode is Mode.EXTERNAL


def test_the_scalers_aim_at_the_pool_and_it_has_scale() -> None:
    scalers = [*of_kind("ScaledObject"), *of_kind("HorizontalPodAutoscaler")]
    assert len(scalers) == 3
    for scaler in scalers:
        assert scaler["metadata"]["namespace"] == pool().metadata.namespace
        assert scaler["spec"]["scaleTargetRef"] == {
            "apiVersion": API_VERSION,
            "kind": WORKER_POOL.kind,
            "name": pool().metadata.name,
        }
    crd = yaml.safe_load((ROOT / "crds/workerpools.yaml").read_text("utf-8"))
    [version] = crd["spec"]["versions"]
    assert version["subresources"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }


def test_what_keda_reads_is_among_the_signals() -> None:
    [metadata] = triggers("metrics-api")
    figures = flat(FAST)
    assert figures is not None
    assert isinstance(figures[metadata["valueLocation"]], int | float)
    assert urlsplit(metadata["url"]).path == f"{path('default', str(pool().metadata.name))}/signals"
    for scaled in of_kind("ScaledObject"):
        assert {"failureThreshold", "replicas"} <= scaled["spec"]["fallback"].keys(), "unknown is not zero"


@pytest.mark.skipif(HELM is None, reason="helm is not on the PATH")
def test_the_address_is_that_of_the_charts_service() -> None:
    [metadata] = triggers("metrics-api")
    address = urlsplit(metadata["url"])
    name, namespace, _ = str(address.hostname).split(".")
    assert namespace == "penstock-system"
    assert address.port in [port["port"] for port in services()[name]["ports"]]
    [proxied] = re.findall(r"/services/([\w-]+):(\w+)/proxy(\S+)", PAGE)
    assert proxied[1] in [port["name"] for port in services()[proxied[0]]["ports"]]
    assert proxied[2] == address.path


def test_the_signals_are_the_ones_on_the_page() -> None:
    [shown] = blocks("json")
    assert json.loads(shown) == flat(FAST)
    told = set(re.findall(r"`(\w+)`", PAGE.partition("| Field |")[2].partition("Without")[0]))
    assert told >= set(flat(FAST) or ())


def test_the_metrics_are_ones_that_the_operator_has() -> None:
    known = {metric.replace(".", "_") + suffix for metric in Metric for suffix in SUFFIXES}
    queries = [metadata["query"] for metadata in triggers("prometheus")]
    [rules] = [document["rules"] for document in documents() if "rules" in document]
    [scaler] = of_kind("HorizontalPodAutoscaler")
    [metric] = scaler["spec"]["metrics"]
    named = re.findall(r"\bpenstock_(?:pool|queue|operator)_\w+", PAGE)
    used = [query.partition("(")[2].partition("{")[0] for query in (*queries, f"({rules[0]['seriesQuery']}")]
    assert {*named, *used} <= known
    assert metric["object"]["metric"]["name"] in used
    assert metric["object"]["describedObject"] == scaler["spec"]["scaleTargetRef"]
    assert rules[0]["resources"]["overrides"].keys() == {"k8s_namespace_name", "penstock_pool"}
