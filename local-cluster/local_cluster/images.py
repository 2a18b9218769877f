"""Images in a node's own containerd."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from local_cluster import command
from local_cluster.node import SOCKET
from local_cluster.process import inside
from local_cluster.state import ClusterState


def whole_reference(reference: str) -> str:
    """How containerd and the kubelet write a reference such as `penstock-worker`."""
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif first != "localhost" and not {".", ":"} & set(first):
        reference = f"docker.io/{reference}"
    name = reference.rpartition("/")[2]
    return reference if ":" in name or "@" in name else f"{reference}:latest"


@dataclass(frozen=True)
class NodeImages:
    """The images of one node."""

    state: ClusterState

    def bring(self, reference: str, archive: Path, identity: str) -> bool:
        """Import an archive, unless the node has just this image; tell whether it was needed."""
        name = whole_reference(reference)
        note = self.state.images / quote(name, safe="")
        if note.is_file() and note.read_text() == identity and self._has(name):
            return False
        self._ctr("import", str(archive))
        note.write_text(identity)
        return True

    def _has(self, name: str) -> bool:
        return bool(self._ctr("list", "--quiet", f"name=={name}").strip())

    def _ctr(self, *arguments: str) -> str:
        ctr = ["ctr", "--address", SOCKET, "--namespace", "k8s.io", "images"]
        return command.run(inside(self.state, [*ctr, *arguments]))
