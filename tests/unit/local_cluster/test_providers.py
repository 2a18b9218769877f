"""Which provider is chosen, and what it asks of other tools: played by stand-ins on the PATH."""

from pathlib import Path

import pytest

from local_cluster import providers
from local_cluster.build import Build
from local_cluster.errors import ClusterError
from local_cluster.providers.existing import ExistingContext
from local_cluster.providers.kind import Kind
from local_cluster.providers.own_node import OwnNode


class Tools:
    """Programs that note how they were called, and answer what they are told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.touch()

    def add(self, name: str, answer: str = "exit 0") -> None:
        script = self.folder / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.notes}\n{answer}\n')
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.notes.read_text().splitlines()


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tools:
    (tmp_path / "tools").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:/usr/bin:/bin")
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("PENSTOCK_KUBECONTEXT", raising=False)
    monkeypatch.delenv("PENSTOCK_IMAGE_REGISTRY", raising=False)
    return Tools(tmp_path / "tools")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return Build.asked("worker:dev", tmp_path / "Dockerfile", tmp_path, ["A=1"])


def test_a_context_comes_first(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    tools.add("kind")
    tools.add("docker")
    monkeypatch.setenv("PENSTOCK_KUBECONTEXT", "team")
    assert providers.choose("unit") == ExistingContext("team")


def test_kind_needs_a_running_docker(tools: Tools) -> None:
    tools.add("kind")
    tools.add("docker", "exit 1")
    assert isinstance(providers.choose("unit"), OwnNode)
    tools.add("docker")
    assert providers.choose("unit") == Kind("penstock-unit")


def test_existing_context_is_written_out_alone(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.add("kubectl", "echo content")
    ExistingContext("team").up(tmp_path / "kubeconfig")
    assert (tmp_path / "kubeconfig").read_text() == "content\n"
    assert "config view --minify --flatten" in tools.calls[0]
    assert "--context=team" in tools.calls[0]
    assert "existing context team" in capsys.readouterr().err


def test_existing_context_needs_a_registry(tools: Tools, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    tools.add("docker")
    with pytest.raises(ClusterError, match="PENSTOCK_IMAGE_REGISTRY"):
        ExistingContext("team").build(build)
    monkeypatch.setenv("PENSTOCK_IMAGE_REGISTRY", "registry.invalid/team/")
    assert ExistingContext("team").build(build) == "registry.invalid/team/worker:dev"
    assert tools.calls[-1] == "docker push --quiet registry.invalid/team/worker:dev"


def test_kind_makes_keeps_and_loads(tools: Tools, build: Build, tmp_path: Path) -> None:
    tools.add("docker")
    tools.add("kind", f'[ "$2" = clusters ] && [ -f {tmp_path}/made ] && echo penstock-unit; touch {tmp_path}/made')
    kind = Kind("penstock-unit")
    kind.up(tmp_path / "kubeconfig")
    assert kind.trouble() == ""
    assert kind.build(build) == "worker:dev"
    assert tools.calls[-2].startswith("docker build --tag=worker:dev --file=")
    assert tools.calls[-1] == "kind load docker-image worker:dev --name=penstock-unit"
    assert kind.images().pull


def test_a_tool_that_is_missing_is_named(tools: Tools, build: Build) -> None:
    with pytest.raises(ClusterError, match=r"the program kind is missing"):
        Kind("penstock-unit").trouble()
    tools.add("kind", "echo complaint >&2; exit 3")
    with pytest.raises(ClusterError, match=r"ended with 3:\ncomplaint"):
        Kind("penstock-unit").trouble()
