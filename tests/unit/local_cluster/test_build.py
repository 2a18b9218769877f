"""What an image is built on, and when it must be built again."""

from pathlib import Path

import pytest

from local_cluster.build import Build
from local_cluster.dockerfile import bases
from local_cluster.errors import ClusterError
from local_cluster.images import whole_reference

STAGES = """\
ARG BASE=python:3.13-slim
FROM --platform=linux/amd64 ${BASE} AS build
ARG BASE=other
FROM build AS tested
FROM scratch
FROM $BASE
COPY --from=build /a /a
COPY --from=tools:1 /b /b
"""


def test_bases_are_the_images_that_are_no_stages() -> None:
    assert bases(STAGES, {}) == ["python:3.13-slim", "tools:1"]
    assert bases(STAGES, {"BASE": "localhost/python:1"}) == ["localhost/python:1", "tools:1"]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "file").write_text("one")
    return tmp_path


def asked(context: Path, tag: str = "image", *pairs: str) -> Build:
    return Build.asked(tag, context / "Dockerfile", context, list(pairs))


def test_the_key_changes_with_all_that_the_image_is_made_of(context: Path) -> None:
    keys = {asked(context).key({}), asked(context, "other").key({}), asked(context, "image", "A=1").key({})}
    keys.add(asked(context).key({"base": "rebuilt"}))
    (context / "file").write_text("two")
    keys.add(asked(context).key({}))
    (context / "Dockerfile").write_text("FROM scratch\n")
    keys.add(asked(context).key({}))
    assert len(keys) == 6


def test_the_key_stays_when_nothing_changes(context: Path) -> None:
    key = asked(context, "image", "A=1", "B=").key({})
    (context / "file").touch()
    assert asked(context, "image", "B=", "A=1").key({}) == key


def test_mistakes_are_told(context: Path) -> None:
    with pytest.raises(ClusterError, match="KEY=VALUE"):
        asked(context, "image", "A")
    with pytest.raises(ClusterError, match="check the paths"):
        Build.asked("image", context / "missing", context, [])


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("worker", "docker.io/library/worker:latest"),
        ("worker:dev", "docker.io/library/worker:dev"),
        ("team/worker", "docker.io/team/worker:latest"),
        ("localhost/worker:1", "localhost/worker:1"),
        ("registry:5000/worker", "registry:5000/worker:latest"),
        ("example.com/a/worker:2", "example.com/a/worker:2"),
    ],
)
def test_references_are_written_out_as_the_kubelet_does(given: str, whole: str) -> None:
    assert whole_reference(given) == whole
