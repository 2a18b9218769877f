"""The node of the cluster under test, where it is one of our own: its programs, its packets, its pods' processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals

from local_cluster import process, programs
from local_cluster.errors import ClusterError
from local_cluster.state import ClusterState
from tests.waiting import wait_sync

API_SERVER = "kube-apiserver"
CLIENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet")
API_PORT = "6443"
ETCD = "http://127.0.0.1:2379/v3/kv"
COMMAND_SECONDS = 30
STARTED_SECONDS = 60.0


@dataclass(frozen=True)
class Node:
    """What can be done to it; all that lasts is undone at the end of a `with`."""

    state: ClusterState

    def kill(self, pod: str) -> bool:
        """kill -9 of all of a pod's own processes, by its uid. False where none runs just now."""
        try:
            self._signal(pod, SIGKILL)
        except ClusterError:
            return False
        return True

    @contextmanager
    def frozen(self, pod: str) -> Iterator[None]:
        """A pod whose processes stand still."""
        self._signal(pod, SIGSTOP)
        try:
            yield
        finally:
            self._signal(pod, SIGCONT)

    @contextmanager
    def without_api_server(self) -> Iterator[None]:
        """kill -9 of the API server, which comes back at the end, with the same flags."""
        programs.stop(self.state, API_SERVER)
        try:
            yield
        finally:
            programs.start(self.state, API_SERVER)
            wait_sync(self._api_server_ready, "the API server to be ready again", patience=STARTED_SECONDS)
            self._start_its_clients_anew()

    @contextmanager
    def refused(self, address: str) -> Iterator[None]:
        """All that an address sends to the API server is answered by a reset."""
        with self._rule("INPUT", "-s", address, "--dport", API_PORT, "-j", "REJECT", "--reject-with", "tcp-reset"):
            yield

    @contextmanager
    def silenced(self, address: str, *, port: str = "") -> Iterator[None]:
        """No packet passes between an address (one port of it) and the API server, and nobody says so."""
        sends = ("--sport", port) if port else ()
        gets = ("--dport", port) if port else ()
        with (
            self._rule("INPUT", "-s", address, *sends, "--dport", API_PORT, "-j", "DROP"),
            self._rule("OUTPUT", "-d", address, *gets, "--sport", API_PORT, "-j", "DROP"),
        ):
            yield

    def connections(self, address: str) -> list[str]:
        """The ports from which an address is connected to the API server."""
        asked = ["ss", "-Htn", "state", "established", f"( sport = :{API_PORT} )", "dst", address]
        return [line.split()[3].rpartition(":")[2] for line in self.inside(*asked).splitlines()]

    def cut(self, address: str) -> None:
        """Both ends of each connection between an address and the API server are reset."""
        before = self.connections(address)
        self.inside("ss", "-K", "state", "established", f"( sport = :{API_PORT} )", "dst", address)
        left = set(before) & set(self.connections(address))
        assert not left, f"connections from the ports {left} live on: does this kernel have INET_DIAG_DESTROY?"

    def compact(self) -> None:
        """etcd forgets all revisions but the latest."""
        latest = json.loads(self._etcd("range", {"key": "AA=="}))["header"]["revision"]
        self._etcd("compaction", {"revision": latest, "physical": True})

    def inside(self, *command: str, stdin: str = "", timeout: float = COMMAND_SECONDS) -> str:
        """What a command prints that is run in the node's network."""
        line = process.inside(self.state, command)
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(command)[:200]}: {done.stderr}"
        return done.stdout

    def _start_its_clients_anew(self) -> None:
        """Those of the node wait for up to half a minute between two tries, which isn't what is tested."""
        for program in CLIENTS:
            programs.stop(self.state, program)
            programs.start(self.state, program)

    def _api_server_ready(self) -> bool:
        line = ["curl", "--silent", "--insecure", f"https://127.0.0.1:{API_PORT}/readyz"]
        done = subprocess.run(process.inside(self.state, line), capture_output=True, text=True, check=False)
        return done.stdout == "ok"

    def _signal(self, pod: str, signal: Signals) -> None:
        programs.send(self.state, f"pod/{pod}", signal)

    def _etcd(self, call: str, body: dict[str, object]) -> str:
        return self.inside("curl", "--silent", "--fail-with-body", f"{ETCD}/{call}", "--data", json.dumps(body))

    @contextmanager
    def _rule(self, chain: str, *rule: str) -> Iterator[None]:
        self.inside("iptables", "-w", "-I", chain, "-p", "tcp", *rule)
        try:
            yield
        finally:
            self.inside("iptables", "-w", "-D", chain, "-p", "tcp", *rule)
