"""Removing a cluster of our own, whole or half-built, from its name alone."""

import shutil

from local_cluster import cgroups, command, network, process
from local_cluster.state import ClusterState


def remove(state: ClusterState) -> None:
    """Leave nothing: the node's mounts, links and processes go with its first process."""
    process.end_all(state)
    network.disconnect(state)
    cgroups.remove(state.node_name)
    if state.root.exists():
        shutil.rmtree(state.root)


def traces(state: ClusterState) -> list[str]:
    """What there is of the cluster on this machine."""
    found = [str(path) for path in (state.root, *cgroups.leftovers(state.node_name)) if path.exists()]
    if process.is_running(state):
        found.append(f"process {process.first_process(state)}")
    if command.succeeds(["ip", "link", "show", "dev", state.link]):
        found.append(f"link {state.link}")
    return found
