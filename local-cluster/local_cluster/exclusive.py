"""One command at a time on one cluster."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from local_cluster.errors import ClusterError
from local_cluster.state import ClusterState


@contextmanager
def alone_with(state: ClusterState) -> Iterator[None]:
    """Refuse to start or remove a cluster that another command is starting or removing.

    The lock is a name among the kernel's sockets: it goes when its process
    does, however that ends, and leaves no file.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0{state.root}")
        except OSError as taken:
            raise ClusterError(f"another command is at work on cluster {state.name}: wait for it to end") from taken
        yield
