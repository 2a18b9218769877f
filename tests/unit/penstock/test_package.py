"""What `import penstock` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import penstock
from penstock import errors
from penstock.cli import main

HEAVY = ("pydantic", "aiohttp", "kopf", "kubernetes_asyncio", "redis", "opentelemetry.sdk", "typer", "fastapi")


def imported(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True, capture_output=True, text=True
    )
    return set(answer.stdout.split())


def test_importing_penstock_stays_light() -> None:
    assert not imported("import penstock") & set(HEAVY)


def test_registering_and_describing_a_call_stays_light() -> None:
    statement = "import penstock; app = penstock.Penstock('a', url='memory://'); app.task(name='a.b')(len).s([1])"
    assert not imported(statement) & set(HEAVY)


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(penstock, name) for name in penstock.__all__)
    assert [*penstock.__all__] == sorted(penstock.__all__)


def test_every_public_class_is_exported() -> None:
    own = {
        name
        for name, value in vars(penstock).items()
        if isinstance(value, type) and value.__module__.startswith("penstock.")
    }
    assert own | {"Depends", "chord", "each", "group", "previous"} == set(penstock.__all__)


def test_what_a_task_may_raise_is_exported() -> None:
    exported = {name: getattr(penstock, name) for name in penstock.__all__}
    classes = {name: kind for name, kind in exported.items() if isinstance(kind, type)}
    errors = {name for name, kind in classes.items() if issubclass(kind, penstock.PenstockError)}
    assert {"TaskFailed", "TaskTimedOut", "TaskCancelled", "ResultTimeout", "ResultExpired"} < errors


def test_what_submitting_may_raise_is_exported() -> None:
    raised = {name for name in errors.__all__ if issubclass(getattr(errors, name), errors.SubmissionError)}
    assert raised - {"ApiRefused", "NotConnected"} < set(penstock.__all__)  # those two are SubmissionErrors to callers


@pytest.mark.parametrize("missing", ["aiohttp", "kubernetes_asyncio"])
async def test_a_resource_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    app = penstock.Penstock("shop", url="memory://")
    task = app.task(name="shop.length")(len)
    with pytest.raises(
        penstock.ConfigurationError, match=rf"needs {missing}: pip install 'penstock-tasks\[kubernetes\]'"
    ):
        await task.options(resource=True).enqueue([1])


def test_the_command_line_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "penstock.cli.commands", raising=False)
    with pytest.raises(SystemExit, match=r"error: .* pip install 'penstock-tasks\[cli\]'"):
        main()
