"""What each provider can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_cluster.build import Build


@dataclass(frozen=True)
class Images:
    """The images that the project doesn't make itself."""

    references: Mapping[str, str]
    pull: bool


_PUBLIC = {
    "python": "python:3.13-slim",
    "redis": "redis:7.4-alpine",
    "collector": "otel/opentelemetry-collector-contrib:0.156.0",
}


def public_images() -> Images:
    """What a cluster with a way to the public registries uses."""
    return Images(_PUBLIC, pull=True)


class Provider(Protocol):
    """One way to have a cluster."""

    def up(self, kubeconfig: Path) -> None:
        """Have the cluster running, and write its kubeconfig."""

    def down(self) -> None:
        """Remove the cluster."""

    def trouble(self) -> str:
        """What is wrong with it; empty for a healthy cluster."""

    def build(self, build: Build) -> str:
        """Build an image into the cluster, and return the reference that pods use."""

    def images(self) -> Images:
        """Have the base and third-party images there."""
