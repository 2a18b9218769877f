from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import (
    ConfigurationError,
    Penstock,
    Phase,
    ResultExpired,
    RetryPolicy,
    TaskCancelled,
    TaskFailed,
    UnknownTask,
    resource_client,
)
from penstock.envelope import ResourceRef
from penstock.errors import NotConnected
from penstock.kube import Manifest, Resource
from penstock.outcome import Failure, Outcome
from penstock.report import TASKS
from penstock.resource_client import ResourceClient, task_manifest
from penstock.resources.task import Task as TaskResource
from penstock.status_writer import StatusWriter
from penstock.task import OptionFields
from tests.unit.fake_kube import FakeKube

app = Penstock("shop", url="memory://")


@app.task(queue="emails", max_attempts=5, timeout=30)
async def send_welcome(user: int, *, locale: str = "en") -> str:
    return f"{user} {locale}"


@app.task(name="shop.many")
async def many(*numbers: int) -> None: ...


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ResourceClient:
    monkeypatch.setattr(resource_client, "LOOK_SECONDS", 0.001)
    return ResourceClient(FakeKube(), "shop")


def kube(client: ResourceClient) -> FakeKube:
    assert isinstance(client._kube, FakeKube)
    return client._kube


async def end(client: ResourceClient, name: str, phase: Phase, **fields: object) -> None:
    body = kube(client).the(TASKS, "shop", name)
    ref = ResourceRef("shop", name, body["metadata"]["uid"])
    outcome = Outcome(id="emails.1", task="shop.send_welcome", phase=phase, finished_at=1.0, resource=ref, **fields)  # type: ignore[arg-type]  # test data
    assert await StatusWriter(kube(client)).ended(outcome)


def test_a_call_becomes_a_valid_task() -> None:
    at = datetime(2027, 1, 1, 9, tzinfo=UTC)
    call = send_welcome.options(resource="welcome-42", priority="high", at=at, deadline=600).s(42, locale="de")
    manifest = task_manifest(call, "00-a-b-01")
    TaskResource.model_validate(manifest)
    assert manifest["metadata"] == {"name": "welcome-42", "annotations": {"penstock.dev/traceparent": "00-a-b-01"}}
    assert manifest["spec"] == {
        "task": "shop.send_welcome",
        "queue": "emails",
        "args": [42],
        "kwargs": {"locale": "de"},
        "priority": "high",
        "notBefore": "2027-01-01T09:00:00Z",
        "timeoutSeconds": 30.0,
        "deadlineSeconds": 600.0,
        "retry": {
            "maxAttempts": 5,
            "backoff": {"initialSeconds": 1.0, "factor": 2.0, "maxSeconds": 300.0, "jitter": True},
        },
    }


def test_its_concurrency_key_is_the_resources() -> None:
    manifest = task_manifest(send_welcome.options(resource="a", concurrency_key="customer-7").s(1), None)
    assert manifest["spec"]["concurrencyKey"] == "customer-7"


CARRIED: dict[str, tuple[str, object]] = {
    "queue": ("queue", "mail"),
    "priority": ("priority", "high"),
    "delay": ("delaySeconds", 5.0),
    "at": ("notBefore", datetime(2027, 1, 1, tzinfo=UTC)),
    "timeout": ("timeoutSeconds", 5.0),
    "deadline": ("deadlineSeconds", 5.0),
    "retry": ("retry", RetryPolicy(7)),
    "max_attempts": ("retry", 7),
    "result_ttl": ("ttlSecondsAfterFinished", 5.5),
    "concurrency_key": ("concurrencyKey", "customer-7"),
}
WITH_A_KEY = {"until", "key_ttl", "keep_on_failure"}  # refused without one, and with one


@pytest.mark.parametrize("name", OptionFields.__annotations__)
def test_an_option_is_a_part_of_the_resource_or_refused(name: str) -> None:
    if name in CARRIED:
        field, value = CARRIED[name]
        assert field in task_manifest(send_welcome.options(resource="a", **{name: value}).s(1), None)["spec"]  # type: ignore[arg-type]
    elif name != "resource":
        assert name in WITH_A_KEY | {"key", "expires", "debounce", "child", "id"}


def test_a_resource_is_kept_as_long_as_its_result_is_to_be() -> None:
    manifest = task_manifest(send_welcome.options(resource="a", result_ttl=timedelta(minutes=1)).s(1), None)
    assert manifest["spec"]["ttlSecondsAfterFinished"] == 60
    manifest = task_manifest(send_welcome.options(resource="a", result_ttl=0.5).s(1), None)
    assert manifest["spec"]["ttlSecondsAfterFinished"] == 1


def test_a_broadcast_is_no_resource() -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.shout: options\(resource=True\) isn't for broadcast tasks"):
        app.task(name="shop.shout", broadcast=True)(len).options(resource=True).s("a")


@pytest.mark.parametrize("fields", [{"key": "welcome-42"}, {"expires": 5.0}, {"key": "a", "debounce": 5}])
def test_what_a_resource_cannot_say_is_refused_and_not_forgotten(fields: dict[str, Any]) -> None:
    name, *_ = fields
    with pytest.raises(ConfigurationError, match=name):
        task_manifest(send_welcome.options(resource="a", **fields).s(1), None)


def test_a_name_is_made_where_none_is_given() -> None:
    names = {task_manifest(send_welcome.options(resource=True).s(1), None)["metadata"]["name"] for _ in range(10)}
    assert len(names) == 10
    assert all(name.startswith("shop-send-welcome-") for name in names)


def test_what_cannot_be_a_resource_is_refused_here() -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.many can't be a Task resource"):
        task_manifest(many.options(resource="a").s(*range(257)), None)


async def test_a_submitted_task_is_there(client: ResourceClient) -> None:
    handle = await client.submit(send_welcome.options(resource="a").s(1))
    assert (handle.id, (await handle.status()).phase) == ("a", Phase.PENDING)


async def test_many_handles_come_in_the_calls_order(client: ResourceClient) -> None:
    handles = await client.submit_many([send_welcome.options(resource=f"t{n}").s(n) for n in range(100)])
    assert [handle.id for handle in handles] == [f"t{n}" for n in range(100)]


async def test_a_result_is_converted(client: ResourceClient) -> None:
    handle = await client.submit(send_welcome.options(resource="a").s(1))
    await end(client, "a", Phase.SUCCEEDED, result=b'"1 en"')
    assert await handle.result(timeout=5) == "1 en"


async def test_a_failure_is_raised(client: ResourceClient) -> None:
    handle = await client.submit(send_welcome.options(resource="a").s(1))
    await end(client, "a", Phase.DEAD_LETTERED, failure=Failure("ValueError", "no such user", "Traceback …", True))
    with pytest.raises(TaskFailed, match="ValueError: no such user"):
        await handle.result(timeout=5)
    failure = (await handle.status()).failure
    assert failure == Failure("ValueError", "no such user", "Traceback …", True)


async def test_a_cancellation_is_asked_of_the_resource(client: ResourceClient) -> None:
    handle = await client.submit(send_welcome.options(resource="a").s(1))
    assert await handle.cancel()
    assert kube(client).the(TASKS, "shop", "a")["spec"]["cancel"] is True
    await end(client, "a", Phase.CANCELLED)
    assert not await handle.cancel()
    with pytest.raises(TaskCancelled):
        await handle.result(timeout=5)


async def test_an_unknown_task_is_told(client: ResourceClient) -> None:
    with pytest.raises(UnknownTask, match="no Task 'a' in namespace 'shop'"):
        await client.status("a")
    assert await client.wait("a") is None


async def test_a_large_result_is_no_none(client: ResourceClient) -> None:
    handle = await client.submit(send_welcome.options(resource="a").s(1))
    await end(client, "a", Phase.SUCCEEDED, result=b'"' + b"x" * 20_000 + b'"')
    with pytest.raises(ResultExpired, match=r"lies at broker:emails.1"):
        await handle.result(timeout=5)


class LosesAnswers(FakeKube):
    """Creates what it is told to, and forgets to say so as often as `times` says."""

    times, stores, sent = 1, True, True

    async def create(self, resource: Resource, namespace: str, body: Manifest, *, dry_run: bool = False) -> Manifest:
        created = await super().create(resource, namespace, body, dry_run=dry_run) if self.stores else {}
        if self.times:
            self.times -= 1
            raise NotConnected("can't reach the API server", open=self.sent)
        return created


async def test_a_lost_answer_makes_no_second_task() -> None:
    kube = LosesAnswers()
    handle = await ResourceClient(kube, "shop").submit(send_welcome.options(resource=True).s(1))
    assert [body["metadata"]["name"] for body in kube.stored(TASKS)] == [handle.id]


async def test_a_lost_request_is_made_again() -> None:
    class LosesRequests(LosesAnswers):
        async def create(self, *args: Any, **fields: Any) -> Manifest:
            self.stores = not self.times
            return await super().create(*args, **fields)

    kube = LosesRequests()
    handle = await ResourceClient(kube, "shop").submit(send_welcome.options(resource="a").s(1))
    assert [body["metadata"]["name"] for body in kube.stored(TASKS)] == [handle.id] == ["a"]


async def test_a_task_that_may_be_there_is_told_by_its_name() -> None:
    kube = LosesAnswers()
    with pytest.raises(NotConnected, match=r"Task 'a' may or may not be there: with options\(resource='a'\)") as lost:
        await ResourceClient(kube, "shop").submit(send_welcome.options(resource="a").s(1))
    assert (lost.value.open, lost.value.ids) == (True, ["a"])
    kube.times, kube.sent = 1, False
    with pytest.raises(NotConnected) as refused:
        await ResourceClient(kube, "shop").submit(send_welcome.options(resource="b").s(1))
    assert not refused.value.open
