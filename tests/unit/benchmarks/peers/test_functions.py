from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType

import pytest
from benchmarks.peers import functions, models, probe

from penstock import codec


@pytest.fixture(autouse=True)
def probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(probe.DIRECTORY, str(tmp_path))
    monkeypatch.setattr(probe, "_cells", None)
    (tmp_path / probe.GATE).touch()


@pytest.mark.parametrize("function", [*functions.ASYNC, models.model, *functions.SYNC.values()])
def test_each_is_called_with_what_it_takes(function: FunctionType) -> None:
    name = function.__name__.removeprefix("sync_")
    if name != "stamp":  # which gets the time of each call
        inspect.signature(function).bind(**models.ARGUMENTS.get(name, {}))


async def test_the_sync_twin_gives_the_same() -> None:
    given = {"number": 42, "name": "Ada", "urgent": False}
    assert await functions.arguments(42, "Ada", False) == functions.sync_arguments(42, "Ada", False) == given
    assert await functions.noop() == functions.sync_noop() == functions.thread() == 1


async def test_a_model_is_given_back() -> None:
    assert await models.model(models.ORDER) == models.ORDER
    assert len(models.Order.model_fields) == 4
    assert models.Order.model_validate_json(codec.encode_value(models.ORDER)) == models.ORDER
