"""kubectl for tests: what a user would type."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

TERMINAL = ("Succeeded", "Failed", "Cancelled", "DeadLettered")


class Refused(Exception):
    """kubectl ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Kubectl:
    """`kubectl("get", "pods")` in one namespace."""

    kubeconfig: str
    namespace: str = "default"

    def within(self, namespace: str) -> Kubectl:
        """The same in another namespace."""
        return Kubectl(self.kubeconfig, namespace)

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Run one command. Raises Refused with what it said."""
        command = ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
        if done.returncode:
            raise Refused(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> str:
        """`kubectl apply` of objects."""
        return self("apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in objects))

    def json(self, *arguments: str) -> Any:
        """What `kubectl get` says as JSON."""
        return json.loads(self("get", *arguments, "-o", "json"))

    def value(self, what: str, path: str) -> str:
        """One field."""
        return self("get", what, "-o", f"jsonpath={path}")

    def task(self, name: str, task: str, *args: object, **spec: object) -> None:
        """Apply a Task of the test's app."""
        self.apply(
            {
                "apiVersion": "penstock.dev/v1alpha1",
                "kind": "Task",
                "metadata": {"name": name},
                "spec": {"task": f"e2e.{task}", "args": list(args), **spec},
            }
        )

    def finished(self, name: str, timeout: int = 60) -> dict[str, Any]:
        """The status of a Task, once it has ended."""
        self("wait", f"ptask/{name}", "--for=condition=Finished", f"--timeout={timeout}s", timeout=timeout + 10)
        return dict(self.json("ptask", name)["status"])

    def phase(self, name: str) -> str:
        """A Task's phase."""
        return self.value(f"ptask/{name}", "{.status.phase}")
