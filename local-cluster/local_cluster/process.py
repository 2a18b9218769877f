"""Processes of a cluster, found by what they are and not by what was noted down."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from local_cluster.errors import ClusterError
from local_cluster.state import ClusterState

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_UNSHARE = (
    *("unshare", "--mount", "--net", "--pid", "--mount-proc", "--propagation", "private"),
    *("--fork", "--kill-child"),
)
_MOUNTED_WITHIN = 10.0
_GONE_WITHIN = 15.0


def start_supervisor(state: ClusterState) -> int:
    """Start the node's first process, which outlives us, and return its id."""
    with (state.logs / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [*_UNSHARE, "--", sys.executable, str(_SUPERVISOR), str(state.root)],
            cwd="/",
            env={"PATH": os.environ["PATH"]},  # a proxy, say, is none of the node's business
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    wait_for("the node's namespaces", (state.root / "mounted").exists, _MOUNTED_WITHIN)
    return first_process(state)


def run_in_background(state: ClusterState, name: str, arguments: Sequence[str | Path]) -> None:
    """Have the supervisor run a program from now on."""
    unfinished = state.programs / f"{name}.unfinished"
    unfinished.write_text(json.dumps([str(argument) for argument in arguments]))
    unfinished.rename(state.programs / f"{name}.json")
    wake_supervisor(state)


def wake_supervisor(state: ClusterState) -> None:
    """Have it look at what it is told to run."""
    os.kill(first_process(state), signal.SIGUSR1)


def inside(state: ClusterState, arguments: Sequence[str | Path]) -> list[str]:
    """The command that runs another one within the node."""
    node = str(first_process(state))
    rest = [str(argument) for argument in arguments]
    return ["nsenter", "--target", node, "--mount", "--net", "--pid", "--", *rest]


def first_process(state: ClusterState) -> int:
    """The id, on the machine, of the node's first process."""
    for process in _supervisors(state):
        if _ids(process)[1:] == ["1"]:
            return process
    raise ClusterError(f"cluster {state.name} isn't running: run `up --name {state.name}`")


def is_running(state: ClusterState) -> bool:
    """Whether the node's first process is there."""
    return any(_ids(process)[1:] == ["1"] for process in _supervisors(state))


def end_all(state: ClusterState) -> None:
    """End the node's first process, and so all others; wait until they are gone."""
    for process in list(_supervisors(state)):
        members = _namespace_members(process)
        _kill(process)
        for member in members:
            _kill(member)
    for process in list(_questions(state)):
        _kill(process)
    wait_for("the node's processes to end", lambda: not list(_supervisors(state)), _GONE_WITHIN)


def wait_for(what: str, is_so: Callable[[], bool], seconds: float) -> None:
    """Ask again and again until it's so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:.0f} s for {what}, in vain")
        time.sleep(0.1)


def _supervisors(state: ClusterState) -> Iterator[int]:
    """The node's first process and the `unshare` around it."""
    signature = [str(_SUPERVISOR.name), str(state.root)]
    for process in all_ids():
        arguments = arguments_of(process)
        if len(arguments) > 2 and [Path(arguments[-2]).name, arguments[-1]] == signature:
            yield process


def _questions(state: ClusterState) -> Iterator[int]:
    """Our own calls of kubectl, which outlive an `up` that was killed."""
    sign = f"--cache-dir={state.kubectl_cache}"
    return (process for process in all_ids() if sign in arguments_of(process))


def _namespace_members(process: int) -> list[int]:
    """Those that share the node's network, such as a shell that was sent into it."""
    network = _network(process)
    if network is None or network == _network(os.getpid()):
        return []
    return [other for other in all_ids() if _network(other) == network]


def all_ids() -> Iterator[int]:
    """Every process on the machine."""
    return (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))


def arguments_of(process: int) -> list[str]:
    """What a process was started with; nothing for one that is gone, or ended and not collected yet."""
    try:
        line = Path(f"/proc/{process}/cmdline").read_text().rstrip("\0")
    except (OSError, UnicodeDecodeError):
        return []
    return line.split("\0") if line else []


def _ids(process: int) -> list[str]:
    """The process's ids, from the outermost process namespace inwards."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return []
    return next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])


def _network(process: int) -> Path | None:
    try:
        return Path(f"/proc/{process}/ns/net").readlink()
    except OSError:
        return None


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
