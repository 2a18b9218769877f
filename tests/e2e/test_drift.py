"""What the operator has made and somebody deletes or changes is right again soon; what somebody deletes is let go."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import make_pool
from tests.e2e.kubectl import Kubectl, Refused
from tests.waiting import wait_sync

SECONDS = 10
GIVEN = ("secret/penstock-broker", "serviceaccount/penstock-worker", "rolebinding/penstock-worker")
IMAGE = '{.spec.template.spec.containers[?(@.name=="worker")].image}'


def soon(condition: Callable[[], object], what: str) -> None:
    wait_sync(condition, what, patience=SECONDS)


def there(kubectl: Kubectl, what: str, uid: str = "") -> bool:
    """Whether it is, and another than the one of that uid."""
    try:
        return kubectl.value(what, "{.metadata.uid}") not in ("", uid)
    except Refused:
        return False


@pytest.mark.parametrize("what", GIVEN)
def test_what_a_namespace_was_given_is_given_again(pool: Kubectl, what: str) -> None:
    uid = pool.value(what, "{.metadata.uid}")
    pool("delete", what)
    soon(lambda: there(pool, what, uid), f"{what} to be there again")
    pool.task(f"after-{what.partition('/')[0]}", "noop")
    assert pool.finished(f"after-{what.partition('/')[0]}")["phase"] == "Succeeded"


def test_a_secret_that_was_changed_is_as_it_was(pool: Kubectl) -> None:
    url = pool.value("secret/penstock-broker", "{.data.url}")
    pool("patch", "secret/penstock-broker", "--type=merge", "-p", json.dumps({"stringData": {"url": "redis://no"}}))
    soon(lambda: pool.value("secret/penstock-broker", "{.data.url}") == url, "the address to be right")


def test_a_deployment_that_was_changed_is_as_it_was(pool: Kubectl) -> None:
    image = pool.value("deploy/e2e-workers", IMAGE)
    pool("set", "image", "deploy/e2e-workers", "worker=registry.invalid/evil:1")
    soon(lambda: pool.value("deploy/e2e-workers", IMAGE) == image, "the image to be right")
    pool("set", "serviceaccount", "deploy/e2e-workers", "default")
    account = "{.spec.template.spec.serviceAccountName}"
    soon(lambda: pool.value("deploy/e2e-workers", account) == "penstock-worker", "the account to be right")


def test_a_deployment_that_was_deleted_comes_again(pool: Kubectl) -> None:
    uid = pool.value("deploy/e2e-workers", "{.metadata.uid}")
    pool("delete", "deploy/e2e-workers", "--wait=false")
    soon(lambda: there(pool, "deploy/e2e-workers", uid), "the Deployment to be there again")


@pytest.mark.parametrize("change", ["delete", "patch"])
def test_a_disruption_budget_too(pool: Kubectl, change: str) -> None:
    budget = {"spec": {"disruption": {"budget": {"maxUnavailable": 1}}}}
    pool("patch", "ppool/e2e", "--type=merge", "-p", json.dumps(budget))
    soon(lambda: there(pool, "pdb/e2e-workers"), "the budget")
    if change == "delete":
        pool("delete", "pdb/e2e-workers")
    else:
        pool("patch", "pdb/e2e-workers", "--type=merge", "-p", json.dumps({"spec": {"maxUnavailable": 9}}))

    def right() -> bool:
        return there(pool, "pdb/e2e-workers") and pool.value("pdb/e2e-workers", "{.spec.maxUnavailable}") == "1"

    soon(right, "the budget to be right")


def test_a_namespace_that_was_made_again_works_as_the_first(cluster: Kubectl) -> None:
    again = cluster.within("made-again")
    for turn in ("first", "second"):
        cluster("create", "namespace", "made-again")
        make_pool(again)
        for what in GIVEN:
            soon(lambda what=what: there(again, what), f"{what}, for the {turn} time")  # type: ignore[misc]  # mypy infers no default's type
        again.task("work", "noop")
        assert again.finished("work")["phase"] == "Succeeded"
        cluster("delete", "namespace", "made-again", "--timeout=90s")


def test_a_task_that_a_finalizer_keeps_is_cancelled(pool: Kubectl) -> None:
    pool.task("kept", "noop", suspend=True)
    pool("patch", "ptask/kept", "--type=merge", "-p", '{"metadata":{"finalizers":["example.org/keep"]}}')
    pool("delete", "ptask/kept", "--wait=false")
    pool("patch", "ptask/kept", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    status = pool.finished("kept")
    assert (status["phase"], status["error"]["type"]) == ("Cancelled", "Deleted")
    pool("patch", "ptask/kept", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    soon(lambda: not there(pool, "ptask/kept"), "it to go")


def test_a_pool_that_a_finalizer_keeps_gets_no_deployment(pool: Kubectl) -> None:
    pool("patch", "ppool/e2e", "--type=merge", "-p", '{"metadata":{"finalizers":["example.org/keep"]}}')
    pool("delete", "ppool/e2e", "--wait=false")
    pool("delete", "deploy/e2e-workers")
    pool.task("wakes", "noop")
    with pytest.raises(AssertionError):
        soon(lambda: there(pool, "deploy/e2e-workers"), "nothing")
    pool("patch", "ppool/e2e", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
