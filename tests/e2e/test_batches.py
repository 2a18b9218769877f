"""TaskBatches on a real cluster: through the operator's death, cancellation, failures and retries."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.kubectl import Kubectl
from tests.e2e.test_submission import service
from tests.waiting import wait_sync

# A service of the namespace that may create TaskBatches.
SERVICE = """
import asyncio
import tasks

async def main():
    async with tasks.app:
        calls = (tasks.add.s(number, 1) for number in range(10_000))
        handle = await tasks.app.batch(calls, name="streamed", parallelism=5000)
        await handle.result(timeout=90)
        total = 0
        async for index, result in handle.results():
            assert result == index + 1, f"{index}: {result!r}"
            total += 1
        assert total == 10_000
        print("all as promised", flush=True)

asyncio.run(main())
"""


def apply(pool: Kubectl, name: str, task: str, items: list[list[object]], **spec: object) -> None:
    pool.apply(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TaskBatch",
            "metadata": {"name": name},
            "spec": {"task": f"e2e.{task}", "items": [{"args": args} for args in items], **spec},
        }
    )


def finished(pool: Kubectl, name: str, timeout: int = 90) -> dict[str, Any]:
    pool("wait", f"pbatch/{name}", "--for=condition=Finished", f"--timeout={timeout}s", timeout=timeout + 10)
    return status(pool, name)


def status(pool: Kubectl, name: str) -> dict[str, Any]:
    return dict(pool.json("pbatch", name)["status"])


def count(pool: Kubectl, name: str, field: str) -> int:
    return int(pool.value(f"pbatch/{name}", f"{{.status.{field}}}") or 0)


def change(pool: Kubectl, name: str, **spec: object) -> None:
    pool("patch", f"pbatch/{name}", "--type=merge", "-p", json.dumps({"spec": spec}))


def test_an_inline_batch_completes(pool: Kubectl) -> None:
    apply(pool, "adds", "add", [[number, 1] for number in range(300)])
    pool("wait", "pbatch/adds", "--for=condition=Complete", "--timeout=60s")
    said = status(pool, "adds")
    assert (said["phase"], said["total"], said["succeeded"], said["failed"]) == ("Succeeded", 300, 300, 0)
    assert said["observedGeneration"] == 1
    assert "adds" in pool("get", "pbatch")


def test_failed_items_are_named_and_only_they_run_again(pool: Kubectl) -> None:
    # The second run fails, too: they never work.
    apply(pool, "broken", "always_fails", [[], [], []], retry={"maxAttempts": 1})
    said = finished(pool, "broken")
    assert (said["phase"], said["failed"], said["failedIndexes"]) == ("Failed", 3, "0-2")
    change(pool, "broken", run=2)
    wait_sync(lambda: count(pool, "broken", "run") == 2, "the second run to begin")
    said = finished(pool, "broken")
    assert (said["run"], said["phase"], said["failed"]) == (2, "Failed", 3)


def test_too_many_failures_stop_it(pool: Kubectl) -> None:
    apply(
        pool,
        "stopped",
        "broken",
        [["no"]] * 50,
        parallelism=2,
        failurePolicy={"maxFailures": 3},
        retry={"maxAttempts": 1},
    )
    said = finished(pool, "stopped")
    assert said["phase"] == "Failed"
    assert said["failed"] <= 6
    assert said["failed"] + said["cancelled"] == 50
    assert pool("wait", "pbatch/stopped", "--for=condition=Failed", "--timeout=5s")


def test_no_more_run_at_a_time_than_it_says(pool: Kubectl) -> None:
    apply(pool, "narrow", "slow", [[0.5]] * 6, parallelism=2)
    seen: list[int] = []

    def ended() -> bool:
        seen.append(count(pool, "narrow", "active"))
        return pool.value("pbatch/narrow", "{.status.phase}") == "Succeeded"

    wait_sync(ended, "the batch to end")
    assert max(seen) == 2


def test_cancel(pool: Kubectl) -> None:
    apply(pool, "endless", "slow", [[600]] * 40)
    wait_sync(lambda: count(pool, "endless", "active") == 40, "its items to be queued")
    change(pool, "endless", cancel=True)
    said = finished(pool, "endless", timeout=30)
    assert (said["phase"], said["cancelled"]) == ("Cancelled", 40)
    change(pool, "endless", cancel=False, run=2)
    wait_sync(lambda: count(pool, "endless", "active") == 40, "the second run")
    pool("delete", "pbatch", "endless", "--timeout=20s")
    apply(pool, "after", "add", [[1, 2]] * 8)
    assert finished(pool, "after", timeout=60)["phase"] == "Succeeded"


def test_suspend_and_resume(pool: Kubectl) -> None:
    apply(pool, "held", "add", [[1, 2]] * 20, suspend=True)
    wait_sync(lambda: count(pool, "held", "waiting") == 20, "it to be suspended")
    assert status(pool, "held")["phase"] == "Suspended"
    change(pool, "held", suspend=False)
    assert finished(pool, "held")["succeeded"] == 20


def test_a_new_operator_takes_over_in_the_middle(pool: Kubectl, system: Kubectl) -> None:
    apply(pool, "survivor", "slow", [[0.2]] * 200)
    wait_sync(lambda: count(pool, "survivor", "succeeded") > 5, "some items to succeed")
    system("delete", "pod", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force")
    said = finished(pool, "survivor", timeout=120)
    assert (said["phase"], said["succeeded"]) == ("Succeeded", 200)


def test_a_killed_worker_loses_nothing(pool: Kubectl) -> None:
    apply(pool, "killed", "slow", [[0.2]] * 100)
    wait_sync(lambda: count(pool, "killed", "succeeded") > 5, "some items to succeed")
    pool("delete", "pods", "-l", "app.kubernetes.io/managed-by=penstock", "--grace-period=0", "--force")
    said = finished(pool, "killed", timeout=120)
    assert (said["phase"], said["succeeded"]) == ("Succeeded", 100)


def test_a_service_streams_thousands(pool: Kubectl, images: dict[str, str]) -> None:
    pool("create", "serviceaccount", "service")
    pool(
        "create",
        "rolebinding",
        "service",
        "--clusterrole=penstock-submitter",
        f"--serviceaccount={pool.namespace}:service",
    )
    pod = service("batch-service", images["worker"], SERVICE)
    pod["spec"] |= {"serviceAccountName": "service"}  # type: ignore[operator]  # it is a dict
    pool.apply(pod)
    over = ("Succeeded", "Failed")
    wait_sync(lambda: pool.value("pod/batch-service", "{.status.phase}") in over, "the service to end", patience=100)
    assert "all as promised" in pool("logs", "pod/batch-service")
    said = status(pool, "streamed")
    assert (said["phase"], said["total"], said["succeeded"]) == ("Succeeded", 10_000, 10_000)
