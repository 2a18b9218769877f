"""Where the demo plays: the cluster with Penstock, and the shop on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import release
from local_cluster import command, progress
from local_cluster.errors import ClusterError

__all__ = ["Stage", "prepare"]

EXAMPLES = Path(__file__).resolve().parent.parent
MANIFESTS = EXAMPLES / "manifests"
PLACEHOLDER = "shop-worker:demo"


@dataclass(frozen=True)
class Stage:
    """kubectl on the demo's cluster, and the shop's image there."""

    name: str
    kubeconfig: Path
    image: str

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What one command printed."""
        program = release.program("kubectl")
        environment = {"KUBECONFIG": str(self.kubeconfig)}
        return command.run([program, *arguments], environment=environment, standard_input=stdin)

    def json(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get` says as JSON."""
        return dict(json.loads(self.kubectl("get", *arguments, "--output=json")))

    def apply(self, file: str) -> None:
        """Apply one of examples/manifests, with the image that was just built."""
        self.kubectl("apply", "--filename=-", stdin=(MANIFESTS / file).read_text().replace(PLACEHOLDER, self.image))

    def submit(self) -> None:
        """A demo that ran before has left its Tasks: begin with none."""
        self.kubectl("delete", "--ignore-not-found", "--filename", str(MANIFESTS / "tasks.yaml"))
        self.kubectl("delete", "--ignore-not-found", "job/shop-submit")
        self.apply("tasks.yaml")
        self.apply("submit-job.yaml")

    def cancel(self, task: str) -> None:
        """Cancel a Task, as the comment in tasks.yaml says."""
        self.kubectl("patch", f"ptask/{task}", "--type=merge", "--patch", '{"spec": {"cancel": true}}')

    def tasks(self, *options: str) -> str:
        """`kubectl get` of this demo's Tasks, whatever else there may be."""
        return self.kubectl("get", "--filename", str(MANIFESTS / "tasks.yaml"), *options)

    def trace_log(self) -> list[str]:
        """What the collector has written."""
        return self.kubectl(
            "--namespace=penstock-system", "logs", "deploy/penstock-collector", "--tail=-1"
        ).splitlines()


def prepare(name: str, kubeconfig: Path) -> Stage:
    """The cluster with Penstock, the shop's image, its queue and its pool (asleep)."""
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    release.up(name, kubeconfig)
    photos = command.run(["python3", EXAMPLES / "shop/fetch_photos.py", EXAMPLES / "shop/photos"])
    progress.say(photos.strip().splitlines()[-1] if photos.strip() else "the photographs are there")
    stage = Stage(name, kubeconfig, release.app(name, kubeconfig, EXAMPLES / "shop"))
    stage.apply("queue.yaml")
    stage.apply("pool.yaml")
    progress.say("waiting for the pool to be asleep, as it is when there is nothing to do")
    for asleep in ("jsonpath={.status.decision.replicas}=0", "jsonpath={.status.replicas}=0"):
        try:
            stage.kubectl("wait", "ppool/shop", f"--for={asleep}", "--timeout=60s")
        except ClusterError as error:
            raise ClusterError(f"the pool doesn't sleep: {error}; see: kubectl describe ppool shop") from error
    return stage
