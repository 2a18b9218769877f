"""The same shop on four other ways to run things in the background and on Penstock: the former are read, for their
packages aren't here, the latter are run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from migration import business, from_arq, from_celery, from_fastapi, from_taskiq
from migration.business import Bank, Letter

from penstock import Phase, TaskFailed
from penstock.testing import Sandbox

FOLDER = Path(__file__).parents[3] / "examples/migration"
QUEUES = [from_arq, from_celery, from_taskiq]
TWINS = [*QUEUES, from_fastapi]
LEFT_OUT = {"ctx", "context"}  # what a task is told of itself
CONFIRMATION, QUESTION = Letter("ada@example.com", "Order 7"), Letter("ada@example.com", "How was tea?")


@pytest.fixture(autouse=True)
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The business as it is in the morning."""
    bank = Bank()
    monkeypatch.setattr(business, "bank", bank)
    monkeypatch.setattr(business, "sent", [])
    monkeypatch.setattr(business, "counted", [])
    return bank


@pytest.fixture(params=QUEUES, ids=lambda module: module.__name__)
def twin(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def box(twin: Any, penstock_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return penstock_sandbox(twin.app)


def check_out(twin: Any) -> None:
    """Sync with Celery and its twin, async with the others."""
    work = twin.checkout(7, "ada@example.com", "tea")
    if inspect.iscoroutine(work):
        twin.app.run(work)


# --- read ---------------------------------------------------------------------------------------------------------


def original(twin: ModuleType) -> ast.Module:
    file = FOLDER / f"{twin.__name__.removeprefix('migration.from_')}_app.py"
    compile(file.read_text(), file, "exec")
    return ast.parse(file.read_text())


def functions(module: ast.Module) -> dict[str, list[str]]:
    """The functions at the module's top, with their parameters."""
    found = (node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: [one.arg for one in node.args.args if one.arg not in LEFT_OUT] for node in found}


def tasks(module: ast.Module) -> Iterator[str]:
    """Functions that are decorated as tasks, listed in ARQ's WorkerSettings or added by FastAPI's add_task."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if any(map(makes_a_task, node.decorator_list)):
                yield node.name
            case ast.Assign(targets=[ast.Name("functions")], value=ast.Tuple(elts=listed)):
                yield from (ast.unparse(one).removeprefix("func(").partition(",")[0] for one in listed)
            case ast.Call(func=ast.Attribute(attr="add_task"), args=[ast.Name(name), *_]):
                yield name


def makes_a_task(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0] in {"app.task", "broker.task"}


@pytest.mark.parametrize("twin", TWINS, ids=lambda module: module.__name__)
def test_both_twins_define_the_same_tasks(twin: Any) -> None:
    before = original(twin)
    parameters = functions(before)
    expected = {f"shop.{name}": parameters[name] for name in tasks(before)}
    assert expected == {
        name: [one for one in inspect.signature(task).parameters if one not in LEFT_OUT]
        for name, task in twin.app.tasks.items()
    }
    assert len(expected) == (2 if twin is from_fastapi else 5)


# --- run ----------------------------------------------------------------------------------------------------------


def test_an_order_is_confirmed_and_charged_now_and_asked_about_in_a_week(twin: Any, box: Sandbox, bank: Bank) -> None:
    check_out(twin)
    box.drain_sync(advance=False)
    assert (business.sent, bank.charged, business.counted) == ([CONFIRMATION], [7], ["tea"])
    today = box.clock()
    box.drain_sync()
    assert business.sent == [CONFIRMATION, QUESTION]
    assert box.clock() - today == pytest.approx(twin.WEEK, abs=60)


def test_what_two_orders_ask_for_is_counted_once(twin: Any, box: Sandbox, bank: Bank) -> None:
    check_out(twin)
    check_out(twin)
    box.drain_sync(advance=False)
    assert (bank.charged, business.counted) == ([7, 7], ["tea"])
    check_out(twin)
    box.drain_sync(advance=False)
    assert business.counted == ["tea", "tea"]


def test_a_bank_that_is_away_is_asked_five_times(twin: Any, box: Sandbox, bank: Bank) -> None:
    bank.away = 4
    handle = twin.charge.enqueue_sync(7)
    box.drain_sync()
    assert (handle.result_sync(), handle.status_sync().attempts) == ("receipt 7", 5)
    bank.away = 5
    handle = twin.charge.enqueue_sync(8)
    box.drain_sync()
    with pytest.raises(TaskFailed, match=r"(ConnectionError|Retry): "):
        handle.result_sync()
    assert bank.charged == [7]


def test_another_error_is_final(twin: Any, box: Sandbox) -> None:
    box.fail(twin.charge, ValueError("no such order"))
    handle = twin.charge.enqueue_sync(7)
    box.drain_sync()
    assert (handle.wait_sync(), handle.status_sync().attempts) == (Phase.FAILED, 1)


def test_a_picture_is_made_small_in_a_process(twin: Any, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(business, "shrink")  # here; a process has its own
    handle = twin.shrink.enqueue_sync([[0, 2, 8, 8], [4, 6, 8, 8]], 2)
    box.drain_sync()
    assert handle.result_sync() == [[3, 8]]


def test_an_endpoint_queues_with_its_response(penstock_sandbox: Callable[..., Sandbox], bank: Bank) -> None:
    box = penstock_sandbox(from_fastapi.app)
    with TestClient(from_fastapi.api) as client:
        assert client.post("/orders/7", params={"customer": "ada@example.com"}).json() == 7
    assert not business.sent
    box.drain_sync()
    assert (business.sent, bank.charged) == ([CONFIRMATION], [7])
