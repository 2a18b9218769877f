"""The example service by real HTTP: uvicorn, and a client that knows only its address."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn
from service.api import api, app
from tests.contract.servers import free_port
from tests.waiting import wait_sync

from penstock.testing import Sandbox

HEADERS = {"Authorization": "Bearer open sesame"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, penstock_sandbox: Callable[..., Sandbox]) -> Iterator[httpx.Client]:
    penstock_sandbox(app)
    monkeypatch.setenv("WORK", "1")
    monkeypatch.setenv("API_TOKEN", "open sesame")
    server = uvicorn.Server(uvicorn.Config(api, port=free_port(), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_sync(lambda: server.started, "the service to listen")
    with httpx.Client(base_url=f"http://127.0.0.1:{server.config.port}", timeout=10) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def test_signing_up_greets_in_the_background(client: httpx.Client) -> None:
    assert client.post("/users", json={"user": 42, "name": "Ada"}).status_code == 201
    wait_sync(lambda: client.get("/users/42/greeting").status_code == 200, "the greeting")
    assert client.get("/users/42/greeting").json() == "welcome, Ada"


def test_a_report_is_followed_to_its_end(client: httpx.Client) -> None:
    submitted = client.post("/tasks", json={"task": "service.report", "args": [40]}, headers=HEADERS)
    id = submitted.json()["id"]
    with client.stream("GET", f"/tasks/{id}/events", headers=HEADERS) as events:
        told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    assert told[-1]["phase"] == "Succeeded"
    assert any("progress" in one for one in told)
    assert client.get(f"/tasks/{id}/result", headers=HEADERS).json()["result"] == {"rows": 40}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}])
def test_the_router_is_closed_to_strangers(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.post("/tasks", json={"task": "service.report"}, headers=headers).status_code == 401


def test_only_what_was_opened_can_be_submitted(client: httpx.Client) -> None:
    response = client.post("/tasks", json={"task": "service.welcome"}, headers=HEADERS)
    assert response.status_code == 404
