"""What a node of our own needs from the machine, found missing all at once."""

import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster import command, progress
from local_cluster.errors import ClusterError

_CNI_PLUGIN = "/usr/lib/cni/bridge"

# A program or file that must be there, and the Debian package that brings it.
DEBIAN: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    _CNI_PLUGIN: "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}


@dataclass(frozen=True)
class Machine:
    """What this machine is and has."""

    system: str
    is_root: bool
    has: Callable[[str], bool]

    @staticmethod
    def this() -> "Machine":
        """The machine that we run on."""
        return Machine(platform.system(), os.geteuid() == 0, _is_there)

    def missing_packages(self) -> list[str]:
        """The Debian packages whose programs are not there."""
        return sorted({package for need, package in DEBIAN.items() if not self.has(need)})

    def shortcomings(self) -> list[str]:
        """Everything that keeps a node of our own from running here, each with its remedy."""
        found: list[str] = []
        if self.system != "Linux":
            found.append("Linux: here use kind, or a context in PENSTOCK_KUBECONTEXT")
        if not self.is_root:
            found.append("root: run the same command with sudo")
        if not self.has("go"):
            found.append("Go 1.26 or newer, which builds Kubernetes: see Go's installation page")
        if packages := self.missing_packages():
            found.append(f"Debian packages: apt-get install --no-install-recommends {' '.join(packages)}")
        return found


def require(install: bool) -> None:
    """Make sure of all that a node of our own needs, installing packages only if told to."""
    machine = Machine.this()
    packages = machine.missing_packages()
    if install and packages and machine.is_root and machine.has("apt-get"):
        _install(packages)
    if shortcomings := machine.shortcomings():
        raise ClusterError(explain(shortcomings))


def explain(shortcomings: list[str]) -> str:
    """The message about all that is missing."""
    listed = "\n".join(f"  - {shortcoming}" for shortcoming in shortcomings)
    return (
        f"a node of our own can't run here. Missing:\n{listed}\n"
        "(`--install` or CI=true installs the Debian packages. With Docker and kind on the PATH,"
        " or a context named in PENSTOCK_KUBECONTEXT, none of this is needed.)"
    )


def _is_there(need: str) -> bool:
    return Path(need).exists() if need.startswith("/") else shutil.which(need) is not None


def _install(packages: list[str]) -> None:
    with progress.live(f"installing {' '.join(packages)}", "about 30 s, once"):
        command.run(["apt-get", "update", "-qq"])
        command.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            environment={"DEBIAN_FRONTEND": "noninteractive"},
        )
