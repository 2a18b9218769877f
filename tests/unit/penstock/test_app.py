"""Registering; tests/tutorial has what tasks then do."""

from __future__ import annotations

import asyncio
import math
import sys
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from penstock import (
    ConfigurationError,
    Limits,
    Middleware,
    Penstock,
    QueueConfig,
    QueueFull,
    RetryPolicy,
    UnknownTask,
    each,
)
from penstock.testing import worker


@pytest.fixture
def app() -> Penstock:
    return Penstock("shop", url="memory://", namespace="test")


def one() -> int:
    return 1


def test_a_task_is_named_after_app_and_function(app: Penstock) -> None:
    task = app.task(one)
    assert (task.name, repr(task), vars(task)["__name__"]) == ("shop.one", "Task('shop.one')", "one")
    assert app.task(name="billing.one")(one).name == "billing.one"
    assert set(app.definitions) == {"shop.one", "billing.one"}


def test_a_name_is_taken_once(app: Penstock) -> None:
    app.task(one)
    with pytest.raises(ConfigurationError, match=r"two tasks are named 'shop\.one'"):
        app.task(one)


def test_max_attempts_is_short_for_a_policy(app: Penstock) -> None:
    assert app.task(name="a", max_attempts=7)(one).definition.options.retry == RetryPolicy(7)
    task = app.task(name="b", max_attempts=7, retry=RetryPolicy(1, initial=9.0))(one)
    assert task.definition.options.retry == RetryPolicy(7, initial=9.0)
    assert app.task(name="c")(one).definition.options.retry is None


def test_an_apps_queues_are_those_of_its_tasks_in_order(app: Penstock) -> None:
    assert app.queues == ["shop"]
    for name, queue in (("a", "mail"), ("b", "reports"), ("c", "mail")):
        app.task(name=name, queue=queue)(one)
    assert app.queues == ["mail", "reports"]


def test_options_pile_up(app: Penstock) -> None:
    call = app.task(one).options(priority="high").options(queue="mail").s()
    assert (call.options.priority, call.queue) == ("high", "mail")


def test_options_that_do_not_exist_are_told_with_the_next_best(app: Penstock) -> None:
    with pytest.raises(TypeError, match=r"@app\.task\(timout=…\): no such option; did you mean 'timeout'\?"):
        app.task(timout=3)(one)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"shop\.one\.options\(xyz=…\): no such option; there are queue, priority"):
        app.task(one).options(xyz=3)  # type: ignore[call-arg]


async def test_a_key_is_its_tasks_own(app: Penstock) -> None:
    first, second = app.task(name="a")(one), app.task(name="b")(one)
    handles = [await task.options(key="k").enqueue() for task in (first, second, first)]
    assert handles[0].id == handles[2].id != handles[1].id


async def test_a_queues_limits_can_be_set_without_a_cluster(app: Penstock) -> None:
    await app.queue().configure(QueueConfig(limits=Limits(depth=1)))
    assert (await app.queue().config()).limits.depth == 1
    task = app.task(one)
    await task.enqueue()
    with pytest.raises(QueueFull):
        await task.enqueue()
    await app.queue().configure(None)
    await task.enqueue()


def test_the_broker_is_named_by_url_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_URL", raising=False)
    with pytest.raises(ConfigurationError, match="set PENSTOCK_URL"):
        Penstock("shop").broker()
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    assert Penstock("shop").url == "memory://"
    assert Penstock("shop", url="redis://own").url == "redis://own"


def test_an_unknown_scheme_is_told_without_its_password() -> None:
    with pytest.raises(ConfigurationError, match="use redis://") as refused:
        Penstock("shop", url="amqp://me:secret@host").broker()
    assert "secret" not in str(refused.value)


def test_memory_is_private_to_an_app(app: Penstock) -> None:
    assert app.broker() is app.broker()
    assert app.broker() is not Penstock("shop", url="memory://").broker()


async def test_enqueuing_nothing_is_nothing(app: Penstock) -> None:
    assert await app.enqueue_many([]) == []


async def test_calls_and_resources_are_not_mixed(app: Penstock) -> None:
    task = app.task(one)
    with pytest.raises(ConfigurationError, match="submit them in two calls"):
        await app.enqueue_many([task.s(), task.options(resource=True).s()])


async def test_a_handle_is_found_again_by_its_id(app: Penstock) -> None:
    async with app, worker(app):
        handle = await app.task(one).enqueue()
        assert await app.handle(handle.id).result(timeout=5) == 1
        assert repr(handle) == f"Handle('{handle.id}')"


async def test_an_unknown_handle_is_told(app: Penstock) -> None:
    with pytest.raises(UnknownTask):
        await app.handle("shop.nobody").status()
    with pytest.raises(UnknownTask):
        await app.handle("shop.nobody").cancel()


def test_an_app_works_on_one_loop_after_another(app: Penstock) -> None:
    task = app.task(one)

    async def run() -> int:
        async with worker(app):
            return await (await task.enqueue()).result(timeout=5)

    assert [asyncio.run(run()), asyncio.run(run())] == [1, 1]


def test_an_app_may_say_what_holds_for_all_its_tasks() -> None:
    app = Penstock("shop", url="memory://", task_defaults={"max_attempts": 1, "timeout": 30, "queue": "mail"})
    options = app.task(one).definition.options
    assert (options.retry, options.timeout, options.queue) == (RetryPolicy(1), 30, "mail")
    assert app.queues == ["mail"]


def test_a_task_goes_before_what_its_app_says() -> None:
    app = Penstock("shop", url="memory://", task_defaults={"max_attempts": 1, "timeout": 30})
    options = app.task(name="a", timeout=5, max_attempts=4)(one).definition.options
    assert (options.retry, options.timeout) == (RetryPolicy(4), 5)
    policy = RetryPolicy(5, initial=9.0)
    assert app.task(name="b", retry=policy)(one).definition.options.retry == policy
    app = Penstock("shop", url="memory://", task_defaults={"retry": policy})
    assert app.task(name="c", max_attempts=2)(one).definition.options.retry == RetryPolicy(2, initial=9.0)


def test_what_an_app_says_of_its_tasks_is_checked_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"task_defaults\(timeout=0\): use more than 0 seconds"):
        Penstock("shop", task_defaults={"timeout": 0})
    with pytest.raises(ConfigurationError, match=r"task_defaults\(retry=3\): use a RetryPolicy"):
        Penstock("shop", task_defaults={"retry": 3})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"task_defaults\(name=…\): no such option"):
        Penstock("shop", task_defaults={"name": "a"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"Penstock\(task_defaults=3\): use a dict"):
        Penstock("shop", task_defaults=3)  # type: ignore[arg-type]


class TestOtherApps:
    """A call is sent by the app that it belongs to: another may have another broker."""

    async def test_their_calls_are_refused_by_name(self) -> None:
        mine, other = (Penstock(name, url="memory://") for name in ("mine", "other"))
        task = other.task(one)
        complaint = r"other\.one is a task of app 'other', not of app 'mine': submit it through its own app"
        with pytest.raises(ConfigurationError, match=complaint):
            await mine.submit(task.s())
        with pytest.raises(ConfigurationError, match=complaint):
            await mine.enqueue_many([mine.task(one).s(), task.s()])
        assert (await mine.queue().depth()).ready == 0

    async def test_a_flow_is_of_one_broker(self) -> None:
        mine, other = (Penstock(name, url="memory://") for name in ("mine", "other"))
        first, then = mine.task(name="mine.ones")(lambda: [1]), other.task(name="other.doubled")(lambda n: 2 * n)
        for flow in (first.s() | then, first.s() | each(then)):
            with pytest.raises(ConfigurationError, match=r"other\.doubled: a task of the app 'other', whose broker"):
                await flow.enqueue()
        assert (await mine.queue().depth()).ready == 0

    def test_apps_of_one_redis_share_it(self) -> None:
        places = [("redis://a", "n"), ("redis://a", "n"), ("redis://a", "m"), ("redis://b", "n"), ("memory://", "n")]
        first, *others = (Penstock("shop", url=url, namespace=namespace).connections for url, namespace in places)
        assert [first.same(other) for other in others] == [True, False, False, False]
        memory = others[-1]
        assert memory.same(memory)


class TestWithoutTheClient:
    """Of Kubernetes, as `pip install penstock-tasks` leaves it."""

    @pytest.fixture(autouse=True)
    def bare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("kube", "kube_session", "resource_client", "batch_client", "batch_stream", "batch_calls"):
            monkeypatch.delitem(sys.modules, f"penstock.{module}", raising=False)
        monkeypatch.setitem(sys.modules, "aiohttp", None)

    async def test_resources_ask_for_their_extra(self) -> None:
        app = Penstock("shop", url="redis://localhost", namespace="test")
        task = app.task(one)
        for work in (task.options(resource=True).enqueue(), app.batch([task.s()])):
            with pytest.raises(ConfigurationError, match=r"aiohttp.* pip install 'penstock-tasks\[kubernetes\]'"):
                await work


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"url": b"redis://localhost"}, r"Penstock\(url=.*use a str"),
        ({"worker": {"concurrency": 3}}, r"Penstock\(worker=.*use WorkerSettings"),
        ({"codec": "gzip"}, r"Penstock\(codec='gzip'\): use an object with name, encode and decode"),
    ],
)
def test_an_option_of_another_kind_is_refused_at_once(options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy):
        Penstock("shop", **options)


async def test_what_is_no_call_and_no_handle_is_named(app: Penstock) -> None:
    task = app.task(name="shop.own")(len)
    wrongs: list[Any] = [task, "shop.own", task.map(["a"])]
    for wrong in wrongs:
        with pytest.raises(ConfigurationError, match=r"is no call: use task\.s"):
            await app.enqueue_many([wrong])
    with pytest.raises(ConfigurationError, match=r"'shop\.1' is no handle"):
        await app.gather(["shop.1"])  # type: ignore[arg-type]  # a mistake


@pytest.mark.parametrize("given", [[], None, "handle"])
async def test_a_middleware_that_keeps_the_handles_is_named(app: Penstock, given: Any) -> None:
    class Keeping(Middleware):
        async def send(self, calls: Any, send: Any) -> Any:
            await send(calls)
            return given

    app.add_middleware(Keeping())
    task = app.task(name="shop.own")(len)
    with pytest.raises(ConfigurationError, match="a middleware's send returned"):
        await task.enqueue("a")
    with pytest.raises(ConfigurationError, match="a handle for each of 2 calls"):
        await app.enqueue_many([task.s("a"), task.s("b")])


@pytest.mark.parametrize("timeout", [timedelta(seconds=5), Decimal(5), Fraction(5)])
async def test_a_ping_takes_any_seconds(app: Penstock, timeout: Any) -> None:
    assert await app.ping(timeout) >= 0


@pytest.mark.parametrize("timeout", [-1, 0, math.nan, True, "5"])
async def test_a_ping_wants_some_time(app: Penstock, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ping\(timeout=.*use more than 0 seconds"):
        await app.ping(timeout)
