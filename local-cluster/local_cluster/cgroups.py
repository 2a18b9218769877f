"""The control groups of a cluster's pods: one tree in each hierarchy of the machine."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from local_cluster.process import wait_for

_MOUNTS = Path("/proc/self/mounts")
_GONE_WITHIN = 10.0
_CONTROLLERS = ("cpu", "cpuset", "memory", "pids", "hugetlb")


def make(name: str) -> None:
    """Make the tree's root, which the kubelet wants to find there."""
    for hierarchy in _hierarchies():
        root = hierarchy / name
        root.mkdir(exist_ok=True)
        _give_processors(hierarchy, root)
        _give_controllers(hierarchy)


def remove(name: str) -> None:
    """Remove the trees; a group can go once its last process is gone."""
    wait_for("the control groups to empty", lambda: _all_removed(name), _GONE_WITHIN)


def leftovers(name: str) -> list[Path]:
    """The trees that are there."""
    return [root for hierarchy in _hierarchies() if (root := hierarchy / name).is_dir()]


def _all_removed(name: str) -> bool:
    for root in leftovers(name):
        for folder, _, _ in os.walk(root, topdown=False):
            _try_to_remove(Path(folder))
    return not leftovers(name)


def _try_to_remove(group: Path) -> None:
    try:
        group.rmdir()
    except OSError:
        return


def _hierarchies() -> Iterator[Path]:
    if not _MOUNTS.is_file():  # not Linux
        return
    for line in _MOUNTS.read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "rw" in options.split(",")):
            yield Path(folder)


def _give_processors(hierarchy: Path, root: Path) -> None:
    """A new cpuset of version 1 is empty, and nothing can run in it."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / file).is_file() and not (hierarchy / "cgroup.controllers").exists():
            (root / file).write_text((hierarchy / file).read_text())


def _give_controllers(hierarchy: Path) -> None:
    """In version 2, a group has the controllers that its parent hands down."""
    file = hierarchy / "cgroup.controllers"
    offered = file.read_text().split() if file.is_file() else []
    for controller in set(offered) & set(_CONTROLLERS):
        with contextlib.suppress(OSError):
            (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}")
