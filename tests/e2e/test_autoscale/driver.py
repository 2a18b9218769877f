"""A pod that submits tasks straight to the broker, as any service of the cluster would; see tests/e2e/driving.py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.executions import Execution, executions
from tests.e2e.kubectl import Kubectl

E2E = Path(__file__).parents[1]
CODE = "driver-code"
FILES = ("tasks.py", "driving.py")


@dataclass(frozen=True)
class Sent:
    """Tasks by their ids, and the moment before the first was submitted."""

    at: float
    ids: Sequence[str]


@dataclass(frozen=True)
class Driver:
    """A conversation with it: one at a time."""

    process: subprocess.Popen[str]

    def send(self, queue: str, *seconds: float) -> Sent:
        """Submit tasks that take so long."""
        return Sent(**self._ask(send=list(seconds), queue=queue))

    def wait(self, sent: Sent) -> list[float]:
        """When each of these ended, once all have."""
        return list(self._ask(wait=list(sent.ids))["at"])

    def keep(self, queue: str, count: int) -> None:
        """From now on have so many tasks of 0.2 to 3 s in flight."""
        self._ask(keep=count, queue=queue)

    def kept(self, queue: str) -> list[str]:
        """Have none any more. The ids of all that there were, once all have succeeded."""
        said = self._ask(kept=queue)
        assert not said["failed"], said["failed"]
        return list(said["ids"])

    def executions(self) -> list[Execution]:
        """All that there were in the namespace."""
        return executions(self._ask(runs=[])["notes"])

    def _ask(self, **what: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said, f"the driver has ended, asked for {what}"
        return dict(json.loads(said))


@contextmanager
def driver(namespace: Kubectl, image: str) -> Iterator[Driver]:
    """In a namespace that has its first pool already, and so the broker's address."""
    namespace("create", "configmap", CODE, *(f"--from-file={E2E / file}" for file in FILES))
    namespace.apply(_pod(image))
    namespace("wait", "pod/driver", "--for=condition=Ready", "--timeout=60s")
    kubectl = ["kubectl", f"--kubeconfig={namespace.kubeconfig}", f"--namespace={namespace.namespace}"]
    command = [*kubectl, "exec", "-i", "driver", "--", "python", "-m", "tests.e2e.driving"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Driver(process)
        finally:
            process.terminate()
            namespace("delete", "pod", "driver", "--grace-period=1", "--wait=false")


def _pod(image: str) -> dict[str, Any]:
    items = [{"key": file, "path": f"tests/e2e/{file}"} for file in FILES]
    url = {"valueFrom": {"secretKeyRef": {"name": "penstock-broker", "key": "url"}}}
    fields = {"PENSTOCK_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    container = {
        "name": "driver",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "7200"],
        "workingDir": "/app",
        "env": [
            {"name": "PENSTOCK_URL", **url},
            *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}},
        "volumeMounts": [{"name": "code", "mountPath": "/app"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "driver"},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [{"name": "code", "configMap": {"name": CODE, "items": items}}],
        },
    }
