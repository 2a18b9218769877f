from __future__ import annotations

from pathlib import Path

import pytest

from penstock import Penstock, namespace


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pod's namespace is told; no pod until it is written."""
    file = tmp_path / "namespace"
    monkeypatch.setattr(namespace, "_FILE", file)
    monkeypatch.delenv("PENSTOCK_NAMESPACE", raising=False)
    return file


def test_outside_a_pod_it_is_the_default(pod: Path) -> None:
    assert namespace.pod_namespace() is None
    assert namespace.current_namespace() == "default"


def test_in_a_pod_it_is_the_pods(pod: Path) -> None:
    pod.write_text("shop\n")
    assert (namespace.pod_namespace(), namespace.current_namespace()) == ("shop", "shop")


def test_an_empty_file_is_none(pod: Path) -> None:
    pod.write_text("\n")
    assert namespace.pod_namespace() is None


def test_the_environment_goes_first(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pod.write_text("shop\n")
    monkeypatch.setenv("PENSTOCK_NAMESPACE", "billing")
    assert namespace.current_namespace() == "billing"
    assert Penstock("a").namespace == "billing"
    assert Penstock("a", namespace="own").namespace == "own"
