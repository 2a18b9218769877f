"""A FastAPI service whose background tasks survive it, and endpoints to follow them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import Depends as FastAPIDepends
from fastapi import FastAPI, Header, HTTPException
from fastapi.testclient import TestClient
from tests.waiting import wait_sync

from penstock import Depends, Penstock, Retry, TaskContext
from penstock.fastapi import BackgroundTasks, lifespan, router
from penstock.testing import worker

app = Penstock("shop", url="memory://", namespace="test")
sent: list[str] = []


class Mailer:
    def send(self, words: str) -> None:
        sent.append(words)


async def mailer() -> AsyncIterator[Mailer]:
    yield Mailer()


@app.task
async def welcome(user: int, mailer: Annotated[Mailer, FastAPIDepends(mailer)] = Depends(mailer)) -> str:
    mailer.send(f"welcome, {user}")
    return f"sent to {user}"


def plain(words: str) -> None:
    """Registered without being changed."""
    sent.append(words)


app.task(plain)


@app.task(max_attempts=1)
async def resize(pictures: int, context: TaskContext = TaskContext()) -> None:
    context.progress(50, "half")
    raise Retry(0, "not today")


def current_user(x_token: Annotated[str, Header()]) -> str:
    if x_token != "secret":
        raise HTTPException(401, "who are you?")
    return "me"


@asynccontextmanager
async def own_lifespan(api: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """The service's own, beside Penstock's; it happens to run a worker in this process, as a test or `dev` would."""
    async with worker(app):
        yield {"opened": True}


api = FastAPI(lifespan=lifespan(app, own_lifespan))
api.include_router(router(app, auth=current_user, tasks=["shop.welcome", "shop.resize"]), prefix="/tasks")


@api.post("/signup/{user}")
async def signup(user: int, tasks: BackgroundTasks, mailer: Annotated[Mailer, FastAPIDepends(mailer)]) -> str:
    """The same dependency as the task's."""
    assert isinstance(mailer, Mailer)
    tasks.add_task(welcome, user)
    tasks.add_task(welcome.options(priority="low", delay=0.01), user=user + 1)
    tasks.add_task(plain, "in a thread")
    return "welcome"


@api.post("/broken")
async def broken(tasks: BackgroundTasks) -> None:
    tasks.add_task(welcome, 1)
    raise HTTPException(409, "changed my mind")


@api.post("/unregistered")
async def unregistered(tasks: BackgroundTasks) -> None:
    tasks.add_task(print, "hello")


@pytest.fixture
def client() -> Iterator[TestClient]:
    sent.clear()
    with TestClient(api, headers={"X-Token": "secret"}) as client:
        yield client


def followed(client: TestClient, id: str) -> list[dict[str, Any]]:
    with client.stream("GET", f"/tasks/{id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line.startswith("data:")]


def test_background_tasks_are_queued_with_the_response(client: TestClient) -> None:
    assert client.post("/signup/42").json() == "welcome"
    ids = [client.post("/tasks", json={"task": "shop.welcome", "args": [7]}).json()["id"]]
    assert client.get(f"/tasks/{ids[0]}/result", params={"wait": 5}).json() == {"id": ids[0], "result": "sent to 7"}
    expected = {"welcome, 42", "welcome, 43", "in a thread", "welcome, 7"}
    wait_sync(lambda: set(sent) == expected, "all background tasks to run")


def test_an_endpoint_that_fails_queues_nothing(client: TestClient) -> None:
    assert client.post("/broken").status_code == 409
    handle = client.post("/tasks", json={"task": "shop.welcome", "args": [7]}).json()["id"]
    client.get(f"/tasks/{handle}/result", params={"wait": 5})
    assert sent == ["welcome, 7"]


def test_what_was_not_registered_is_refused_by_name() -> None:
    with TestClient(api, raise_server_exceptions=False) as client:
        assert client.post("/unregistered").status_code == 500
    with (
        TestClient(api) as client,
        pytest.raises(Exception, match=r"add_task\(print\): no task of app 'shop'; register it with @app\.task"),
    ):
        client.post("/unregistered")


def test_progress_comes_as_events(client: TestClient) -> None:
    id = client.post("/tasks", json={"task": "shop.resize", "args": [7]}).json()["id"]
    last = followed(client, id)[-1]
    assert (last["phase"], last["error"]["message"]) == ("DeadLettered", "not today")
    assert client.get(f"/tasks/{id}/result").json()["error"]["type"] == "Retry"


def test_a_delayed_task_is_cancelled(client: TestClient) -> None:
    id = client.post("/tasks", json={"task": "shop.welcome", "args": [7], "delay": 60}).json()["id"]
    assert client.get(f"/tasks/{id}").json()["phase"] == "Queued"
    assert client.get(f"/tasks/{id}/result").status_code == 202
    assert client.delete(f"/tasks/{id}").json() == {"id": id, "cancelled": True}
    assert client.get(f"/tasks/{id}").json()["phase"] == "Cancelled"
    assert client.delete(f"/tasks/{id}").json()["cancelled"] is False


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        ({"task": "shop.welcome"}, 422, "missing a required argument: 'user'"),
        ({"task": "shop.welcome", "args": ["x"]}, 422, "user: Input should be a valid integer"),
        ({"task": "shop.welcome", "args": [1], "delay": -1}, 422, "delay=-1.0): use 0 or more seconds"),
        ({"task": "shop.plain", "args": ["x"]}, 404, "no task 'shop.plain' to submit here"),
        ({"task": "shop.other"}, 404, "no task 'shop.other' to submit here"),
    ],
)
def test_what_cannot_be_submitted_says_why(client: TestClient, body: dict[str, Any], code: int, detail: str) -> None:
    response = client.post("/tasks", json=body)
    assert response.status_code == code
    assert detail in response.json()["detail"]


def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    assert client.get("/tasks/shop.0").status_code == 404
    assert client.get("/tasks/shop.0/events").status_code == 404


def test_callers_must_be_let_in() -> None:
    with TestClient(api, headers={"X-Token": "wrong"}) as client:
        assert client.post("/tasks", json={"task": "shop.welcome", "args": [7]}).status_code == 401
