"""The operator as Kubernetes shows it: its pods, and who of them leads."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.kubectl import Kubectl
from tests.waiting import wait_sync

DEPLOYMENT = "deploy/penstock-operator"
SELECTOR = "app.kubernetes.io/component=operator"
LEASE = "lease/penstock-operator"
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Pod:
    """One of them."""

    name: str
    uid: str
    address: str
    ready: bool


@dataclass(frozen=True)
class OperatorPods:
    """In the namespace of the release."""

    system: Kubectl

    def all(self) -> list[Pod]:
        """Those that aren't being deleted."""
        found = self.system.json("pods", "-l", SELECTOR)["items"]
        return [_pod(item) for item in found if "deletionTimestamp" not in item["metadata"]]

    def one(self) -> Pod:
        """The only one, or the one that leads."""
        pods = self.all()
        return pods[0] if len(pods) == 1 else self.leader()

    def leader(self) -> Pod:
        """The pod that holds the Lease."""
        holder = self.holder()
        found = [pod for pod in self.all() if pod.name in holder]
        assert found, f"Lease {LEASE} is held by {holder!r}, which is none of {[pod.name for pod in self.all()]}"
        return found[0]

    def holder(self) -> str:
        """Who holds the Lease, as it says itself. Refused where there is none."""
        return self.system.value(LEASE, "{.spec.holderIdentity}")

    def scale(self, replicas: int) -> None:
        """So many of them, all ready."""
        self.system("scale", DEPLOYMENT, f"--replicas={replicas}")
        wait_sync(lambda: len(self.all()) == replicas, f"{replicas} operators")
        self.wait_ready()

    def restarts(self) -> dict[str, int]:
        """How often each pod's containers were started again."""
        items = self.system.json("pods", "-l", SELECTOR)["items"]
        return {
            pod["metadata"]["uid"]: sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))
            for pod in items
        }

    def wait_ready(self) -> None:
        """Return when all are ready."""
        self.system("rollout", "status", DEPLOYMENT, f"--timeout={READY_SECONDS:.0f}s")
        wait_sync(lambda: all(pod.ready for pod in self.all()), "a ready operator", patience=READY_SECONDS)


def _pod(item: dict[str, dict[str, object]]) -> Pod:
    meta, status = item["metadata"], item["status"]
    conditions = status.get("conditions") or []
    assert isinstance(conditions, list)
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return Pod(str(meta["name"]), str(meta["uid"]), str(status.get("podIP", "")), ready)
