"""Every public name says what it is: docs/reference is made of these docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest

from penstock.declaration import TaskFields
from penstock.task import OptionFields

REFERENCE = Path(__file__).parents[3] / "docs/reference"
# The last two are what @app.task and app.queue() return.
MODULES = (
    "penstock",
    "penstock.testing",
    "penstock.fastapi",
    "penstock.middlewares",
    "penstock.sqlalchemy",
    "penstock.django",
    "penstock.task",
    "penstock.queue",
)
DESCRIPTORS = (property, cached_property, classmethod, staticmethod)


def exported(modules: Sequence[str] = MODULES) -> Iterator[tuple[str, Any]]:
    for module in map(import_module, modules):
        for name in module.__all__:
            value = getattr(module, name)
            yield f"{module.__name__}.{name}", get_args(value)[0] if get_origin(value) is Annotated else value


def own_classes(kind: type) -> list[type]:
    """Parents first, so that what a class overrides counts as its own."""
    return [base for base in reversed(kind.__mro__) if base.__module__.split(".")[0] == "penstock"]


def members(name: str, kind: type) -> Iterator[tuple[str, object]]:
    for base in own_classes(kind):
        for member, value in vars(base).items():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, DESCRIPTORS)):
                yield f"{name}.{member}", value


def documentable() -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in exported():
        found[name] = value
        if isinstance(value, type):
            found.update(members(name, value))
    return found


def is_documented(value: object) -> bool:
    """By a docstring of its own: an inherited one tells of the parent, and dataclasses make one of their fields."""
    doc = value.__doc__ or ""
    made = isinstance(value, type) and doc.startswith(f"{value.__name__}(")
    return bool(doc.strip()) and not made


@pytest.mark.parametrize("name", documentable())
def test_it_has_a_docstring(name: str) -> None:
    assert is_documented(documentable()[name]), f"{name} has no docstring"


def test_the_reference_has_it() -> None:
    """Under the module that gives it, or the one that it is from, where the former has a module of the same name."""
    shown = {
        name
        for page in REFERENCE.glob("*.md")
        for name in re.findall(r"^<!-- (penstock[\w.]*)", page.read_text(), re.M)
    }
    for name, value in exported(MODULES[:6]):
        kind = value if hasattr(value, "__name__") else type(value)  # `previous` is no class
        assert {name, f"{kind.__module__}.{kind.__name__}"} & shown or name == "penstock.previous", f"{name} is missing"


def test_the_reference_has_every_option() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (task|call|both) \|", (REFERENCE / "penstock.md").read_text(), re.MULTILINE)
    assert {name for name, of in rows if of != "call"} == set(TaskFields.__annotations__)
    assert {name for name, of in rows if of != "task"} == set(OptionFields.__annotations__)


def test_methods_and_properties_are_looked_at() -> None:
    assert {"penstock.Penstock.gather", "penstock.Penstock.url", "penstock.fastapi.BackgroundTasks.add_task"} < set(
        documentable()
    )


def test_what_python_makes_up_is_no_docstring() -> None:
    assert not is_documented(type("Bare", (), {"__doc__": "Bare(number: int)"}))
