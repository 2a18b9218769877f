"""The node's programs and its pods' processes, for tests of what becomes of the rest when one of them fails."""

import contextlib
import json
import os
from pathlib import Path
from signal import SIGKILL, Signals

from local_cluster.errors import ClusterError
from local_cluster.process import all_ids, arguments_of, wait_for, wake_supervisor
from local_cluster.state import ClusterState

POD = "pod/"
_PAUSE = "/pause"
_ENDED_WITHIN = 10.0


def send(state: ClusterState, target: str, signal: Signals) -> None:
    """Send a signal to a program, or to all processes of `pod/UID`."""
    for process in processes(state, target):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal)


def stop(state: ClusterState, program: str) -> None:
    """End a program the hard way; it stays down until it is started again."""
    told = _told(state, program)
    running = processes(state, program)
    told.rename(told.with_suffix(".stopped"))
    for process in running:
        os.kill(process, SIGKILL)
    wait_for(f"{program} to end", lambda: not any(map(arguments_of, running)), _ENDED_WITHIN)


def start(state: ClusterState, program: str) -> None:
    """Start a program that was stopped, with the flags that it had; nothing if it runs."""
    stopped = state.programs / f"{program}.stopped"
    if stopped.exists():
        stopped.rename(_told(state, program, there=False))
        wake_supervisor(state)


def processes(state: ClusterState, target: str) -> list[int]:
    """The ids, on the machine, of a program's or a pod's processes. Raises ClusterError if there are none."""
    if target.startswith(POD):
        found = [process for process in all_ids() if _is_of_pod(process, target.removeprefix(POD))]
    else:
        line = json.loads(_told(state, target).read_text())
        found = [process for process in all_ids() if arguments_of(process) == line]
    if not found:
        raise ClusterError(f"cluster {state.name} has no process of {target}: it has ended, or is being started")
    return found


def _told(state: ClusterState, program: str, *, there: bool = True) -> Path:
    """The file that tells the supervisor to run it."""
    file = state.programs / f"{program}.json"
    if there and not file.exists():
        known = ", ".join(sorted(other.stem for other in state.programs.glob("*.json")))
        raise ClusterError(f"cluster {state.name} runs no program {program!r}: it runs {known or 'none'}")
    return file


def _is_of_pod(process: int, uid: str) -> bool:
    """Whether it is one of the pod's own; the one that only keeps the pod's namespaces isn't."""
    try:
        groups = Path(f"/proc/{process}/cgroup").read_text()
    except OSError:
        return False
    return f"/pod{uid}/" in groups and arguments_of(process) not in ([], [_PAUSE])
