from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from penstock import Penstock, TaskContext
from penstock.errors import SubmissionError
from penstock.fastapi import router
from penstock.fastapi.events import Events
from penstock.fastapi.router import MAX_BODY_BYTES
from penstock.testing import worker
from tests.waiting import wait_for

JSON = {"content-type": "application/json"}


class Order(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def known(cls, number: int) -> int:
        return {7: 7}[number]  # a KeyError for all others, which is no ValueError


def service(app: Penstock) -> FastAPI:
    @app.task(max_attempts=1)
    async def anything(*args: Any, **kwargs: Any) -> Any:
        return [args, kwargs]

    @app.task(max_attempts=1)
    async def charge(order: Order, self: int = 1, function: str = "") -> int:
        return order.number + self

    @app.task(max_attempts=1)
    async def slow(context: TaskContext = TaskContext()) -> None:
        await asyncio.Event().wait()

    api = FastAPI()
    api.include_router(router(app, auth=None), prefix="/tasks")
    return api


def client_of(api: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
def app() -> Penstock:
    return Penstock("shop", url="memory://", namespace="test")


@pytest.fixture
async def client(app: Penstock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service(app)) as client:
        yield client


async def posted(client: httpx.AsyncClient, body: object) -> httpx.Response:
    """As Python would write it, which knows NaN and infinities."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/tasks", content=content, headers=JSON)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"task": "shop.anything", "args": [float("nan")]}, "NaN"),
        ({"task": "shop.anything", "args": [], "delay": 1e400}, "delay: Input should be a finite number"),
        ({"task": "shop.anything", "delay": float("nan")}, "delay: "),
        ({"task": "shop.anything", "key": 7}, "key: Input should be a valid string"),
        ({"task": "shop.anything", "priority": "soon"}, "priority: "),
        ({"task": "shop.anything", "args": {}}, "args: Input should be a valid array"),
        ({"task": "shop.anything", "kwargs": []}, "kwargs: Input should be an object"),
        ({"task": "shop.anything", "result_ttl": 1}, "result_ttl: Extra inputs are not permitted"),
        ({"task": "shop.charge", "args": [{"number": 8}]}, "shop.charge: order: KeyError: 8"),
        ({"task": "shop.charge", "kwargs": {"self": 1}}, "missing a required argument: 'order'"),
        ({"task": "shop.charge", "kwargs": {"not a name": 1}}, "missing a required argument"),
        (b'{"task":"shop.anything","args":["\\ud800"]}', "Invalid JSON: unexpected end of hex escape"),
        (b'{"task":5,"args":["\\ud800"]}', "Invalid JSON: unexpected end of hex escape"),
        (b"{", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON: recursion limit exceeded"),
        (b'"\xff"', "Invalid JSON"),
        ([], "Input should be an object"),
    ],
)
async def test_odd_bodies_are_refused_with_the_reason(client: httpx.AsyncClient, body: object, complaint: str) -> None:
    response = await posted(client, body)
    assert response.status_code == 422, response.text
    assert complaint in response.json()["detail"]


async def test_a_parameter_may_have_any_name(app: Penstock, client: httpx.AsyncClient) -> None:
    body = {"task": "shop.charge", "kwargs": {"order": {"number": 7}, "self": 2, "function": "f"}}
    id = (await posted(client, body)).json()["id"]
    async with worker(app):
        assert (await client.get(f"/tasks/{id}/result?wait=10")).json() == {"id": id, "result": 9}


async def test_a_body_that_is_too_large_is_not_read_to_its_end(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(3 * MAX_BODY_BYTES // 2**20):
            sent += 2**20
            yield b" " * 2**20

    response = await client.post("/tasks", content=endless(), headers=JSON)
    assert response.status_code == 413
    assert "store what is large elsewhere" in response.json()["detail"]
    assert sent <= MAX_BODY_BYTES + 2**20


async def test_a_form_of_another_site_submits_nothing(app: Penstock, client: httpx.AsyncClient) -> None:
    response = await client.post("/tasks", content=b'{"task":"shop.anything"}', headers={"content-type": "text/plain"})
    assert response.status_code == 415


@pytest.mark.parametrize("id", ["none", "a%2Fb", "%00.1", "a b.1", "SHOP.1", "{x}.1", "..", ".1", "shop.", "%ff.1"])
@pytest.mark.parametrize("end", ["", "/result", "/events"])
async def test_what_is_no_id_is_not_found(client: httpx.AsyncClient, id: str, end: str) -> None:
    assert (await client.get(f"/tasks/{id}{end}")).status_code in (404, 307, 405)


@pytest.mark.parametrize("wait", ["nan", "-1", "inf", "1e400", "61", "soon"])
async def test_an_odd_wait_is_refused(client: httpx.AsyncClient, wait: str) -> None:
    assert (await client.get(f"/tasks/shop.1/result?wait={wait}")).status_code == 422


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), below, max_size=3)
    ),
    max_leaves=8,
)
BODIES = ANY | st.fixed_dictionaries(
    {"task": st.sampled_from(["shop.anything", "shop.charge", "shop.slow", "shop.none"])},
    optional={
        "args": st.lists(ANY, max_size=3) | ANY,
        "kwargs": st.dictionaries(st.sampled_from(["self", "order", "args", "kwargs", "task"]) | st.text(), ANY) | ANY,
        "priority": st.sampled_from(["high", "soon"]) | ANY,
        "delay": st.floats(min_value=0, max_value=1e9) | ANY,
        "key": ANY,
        "other": ANY,
    },
)


@given(BODIES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_body_is_a_server_error(body: Any) -> None:
    async def attempt() -> httpx.Response:
        async with client_of(service(Penstock("shop", url="memory://", namespace="test"))) as client:
            return await posted(client, body)

    response = asyncio.run(attempt())
    assert response.status_code in (202, 404, 422), response.text


async def test_a_broker_that_is_away_is_no_server_error() -> None:
    app = Penstock("shop", url="redis://127.0.0.1:1/0", namespace="test")
    async with app, client_of(service(app)) as client:
        assert (await posted(client, {"task": "shop.anything"})).status_code == 503
        for end in ("", "/result", "/events"):
            assert (await client.get(f"/tasks/shop.1{end}")).status_code == 503
        assert (await client.delete("/tasks/shop.1")).status_code == 503


async def test_progress_is_shown_with_its_data(app: Penstock, client: httpx.AsyncClient) -> None:
    async with worker(app):
        id = (await posted(client, {"task": "shop.slow"})).json()["id"]
        broker = app.connections.client().broker

        async def running() -> bool:
            return str((await client.get(f"/tasks/{id}")).json()["phase"]) == "Running"

        await wait_for(running, "it to start")
        state = broker._memory.tasks[id]  # type: ignore[attr-defined]  # as a worker would have noted it
        state.progress = b'{"percent":40,"message":"half","data":{"rows":3}}'
        found = (await client.get(f"/tasks/{id}")).json()
        assert found["progress"] == {"percent": 40, "message": "half", "data": {"rows": 3}}
        await client.delete(f"/tasks/{id}")


async def test_following_ends_with_its_client(app: Penstock) -> None:
    api = service(app)
    async with worker(app):
        async with client_of(api) as client:
            id = (await posted(client, {"task": "shop.slow"})).json()["id"]
        before, gone, sent = asyncio.all_tasks(), asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                sent.set()

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"spec_version": "2.4"},
            "method": "GET",
            "path": f"/tasks/{id}/events",
        }
        scope |= {"query_string": b"", "headers": [], "raw_path": b"", "root_path": "", "http_version": "1.1"}
        serving = asyncio.create_task(api(scope, receive, send))
        async with asyncio.timeout(10):
            await sent.wait()
            gone.set()
            await serving
        assert not {task.get_name() for task in asyncio.all_tasks() - before if "wait" in repr(task.get_coro())}
        await app.handle(id).cancel()


async def test_a_stream_that_breaks_off_says_why(app: Penstock, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = app.handle("shop.1")

    async def away() -> None:
        raise SubmissionError("the broker is away")

    monkeypatch.setattr(handle, "status", away)
    [event] = [chunk async for chunk in Events(handle).body_iterator]
    assert bytes(event).startswith(b"event: error\n")  # type: ignore[arg-type]  # it yields bytes
    assert b"the broker is away" in bytes(event)  # type: ignore[arg-type]


@pytest.mark.parametrize("delay", [True, "5"])
async def test_a_delay_is_a_number(client: httpx.AsyncClient, delay: object) -> None:
    answer = await posted(client, {"task": "shop.anything", "delay": delay})
    assert answer.status_code == 422
    assert "delay" in answer.json()["detail"]


async def test_other_tasks_are_unknown_here(app: Penstock) -> None:
    api = service(app)
    api.include_router(router(app, auth=None, tasks=["shop.anything"]), prefix="/few")
    async with worker(app), client_of(api) as client:
        secret = await app.tasks["shop.charge"].enqueue({"number": 7})
        await secret.result(timeout=10)
        waits = await app.tasks["shop.slow"].enqueue()
        mine = await app.tasks["shop.anything"].enqueue()
        for id in (secret.id, waits.id):
            for end in ("", "/result", "/events"):
                assert (await client.get(f"/few/{id}{end}")).status_code == 404
            assert (await client.delete(f"/few/{id}")).status_code == 404
        assert (await client.get(f"/few/{mine.id}/result?wait=5")).json()["result"] == [[], {}]
        assert (await client.get(f"/tasks/{secret.id}/result")).json()["result"] == 8
        await waits.cancel()


async def test_sums_of_flows_and_tasks_of_other_processes_are_the_apps(app: Penstock) -> None:
    other = Penstock("hr", url="memory://", namespace="test")
    api = service(app)
    other.connections = app.connections
    elsewhere, foreign = other.task(name="shop.elsewhere")(len), other.task(name="hr.salary", queue="shop")(len)
    async with worker(app), client_of(api) as client:
        found = await app.tasks["shop.anything"].map([1, 2]).enqueue()
        assert await found.result(timeout=10)
        assert (await client.get(f"/tasks/{found.id}")).status_code == 200
        assert (await client.get(f"/tasks/{(await elsewhere.enqueue('a')).id}")).status_code == 200
        assert (await client.get(f"/tasks/{(await foreign.enqueue('a')).id}")).status_code == 404


async def test_a_client_hears_nothing_of_the_house() -> None:
    app = Penstock("shop", url="redis://127.0.0.1:1/0", namespace="test")
    async with app, client_of(service(app)) as client:
        answer = await posted(client, {"task": "shop.anything"})
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text
    assert "PENSTOCK_URL" not in answer.text
