"""Where a cluster comes from: a context that exists, kind, or a node of our own."""

import os
import shutil

from local_cluster import command
from local_cluster.providers.contract import Images, Provider
from local_cluster.providers.existing import ExistingContext
from local_cluster.providers.kind import Kind
from local_cluster.providers.own_node import OwnNode

__all__ = ["Images", "OwnNode", "Provider", "choose"]


def choose(name: str, install: bool = False) -> Provider:
    """The first that is to be had; only a node of our own needs no other tool's daemon."""
    if context := os.environ.get("PENSTOCK_KUBECONTEXT"):
        return ExistingContext(context)
    own = OwnNode.of(name, install)
    if own.is_there() or not _has_kind():
        return own
    return Kind(f"penstock-{name}")


def _has_kind() -> bool:
    return shutil.which("kind") is not None and command.succeeds(["docker", "info"])
