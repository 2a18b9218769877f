"""Where things are kept: the cache that all clusters share, and a cluster's own state."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_cluster.errors import ClusterError

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,22}[a-z0-9])?")
_HIDDEN_IN_THE_NODE = (Path("/var"), Path("/run"))


@dataclass(frozen=True)
class Cache:
    """What is built once and kept: programs, images, image layers."""

    root: Path

    @staticmethod
    def of_this_user() -> "Cache":
        """The cache that PENSTOCK_CACHE or XDG_CACHE_HOME places."""
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Cache(_outside(os.environ.get("PENSTOCK_CACHE") or Path(home) / "penstock"))

    def folder(self, kind: str) -> Path:
        """The folder for one kind of thing, made where it's missing."""
        path = self.root / kind
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def workbench(self) -> Iterator[Path]:
        """A folder to build in; what crashed builds left in theirs goes first."""
        benches = self.folder("unfinished")
        for old in benches.iterdir():
            if not _is_alive(int(old.name.partition("-")[0])):
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=benches) as bench:
            yield Path(bench)


@dataclass(frozen=True)
class ClusterState:
    """All that is known of a cluster of our own, from its name alone."""

    name: str
    root: Path

    @staticmethod
    def of(name: str) -> "ClusterState":
        """The state of the cluster of that name, whether it's there or not."""
        if not _NAME.fullmatch(name):
            raise ClusterError(f"{name!r} can't name a cluster: use up to 24 small letters, digits and hyphens")
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        base = _outside(os.environ.get("PENSTOCK_STATE") or Path(home) / "penstock")
        return ClusterState(name, base / name)

    @property
    def node_name(self) -> str:
        """The name of the node, of the kubeconfig's context and of the cgroup."""
        return f"penstock-{self.name}"

    @property
    def link(self) -> str:
        """The machine's end of the veth pair: at most 15 characters, as the kernel wants."""
        return f"pn-{hashlib.sha256(self.name.encode()).hexdigest()[:10]}"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.root / "certificates"

    @property
    def configuration(self) -> Path:
        """The files that the node's programs are configured with."""
        return self.root / "configuration"

    @property
    def programs(self) -> Path:
        """What the supervisor is told to run, a file for each program."""
        return self.root / "programs"

    @property
    def logs(self) -> Path:
        """The logs of the node's programs."""
        return self.root / "logs"

    @property
    def var(self) -> Path:
        """The node's own /var."""
        return self.root / "var"

    @property
    def images(self) -> Path:
        """Which images the node has, a file for each."""
        return self.root / "images"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def whole(self) -> Path:
        """Is there once the cluster was up."""
        return self.root / "whole"

    @property
    def kubectl_cache(self) -> Path:
        """Where our own calls of kubectl keep what they learn; they are told by it, too."""
        return self.root / "kubectl-cache"

    def make_folders(self) -> None:
        """Make the folders of a new cluster."""
        self.root.mkdir(parents=True, mode=0o700)
        for folder in (self.certificates, self.configuration, self.programs, self.logs):
            folder.mkdir()
        for folder in (self.images, self.var / "lib", self.var / "log", self.var / "tmp"):
            folder.mkdir(parents=True)
        (self.var / "run").symlink_to("/run")


def _outside(folder: str | Path) -> Path:
    """Refuse folders that the node, which has a /var and a /run of its own, couldn't see."""
    path = Path(folder).expanduser().resolve()
    if any(path.is_relative_to(hidden) for hidden in _HIDDEN_IN_THE_NODE):
        raise ClusterError(f"{path} is below /var or /run: set PENSTOCK_CACHE and PENSTOCK_STATE to other folders")
    return path


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True
