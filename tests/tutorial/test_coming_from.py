"""docs/coming-from.md: each system has its section and its rows, and our side of each row is Python that parses."""

from __future__ import annotations

import ast
import re

import pytest
from tests.tutorial.pages import ROOT

PAGE = ROOT / "docs/coming-from.md"
SYSTEMS = ("Celery", "Django", "Dramatiq", "RQ", "Huey", "Taskiq", "ARQ", "FastAPI's BackgroundTasks")
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = dict(SECTION.findall(PAGE.read_text()))
COMMANDS = ("penstock ", "penstock_relay")
FIELDS = re.compile(r"\w+(\.\w+)*(: \d+)?")  # of a TaskQueue, or a name


def rows(section: str) -> list[list[str]]:
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def parses(code: str) -> bool:
    """Whether it is Python: a statement, a decorator, a parameter or keyword arguments of a call."""
    text = code.replace("\\|", "|").replace("…", "...")
    for form in (f"{text}", f"{text}\ndef f(): ...", f"def f({text}): ...", f"f({text})"):
        try:
            compile(form, "page", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError:
            continue
        return True
    return False


@pytest.mark.parametrize("system", SYSTEMS)
def test_our_side_of_each_row_is_python(system: str) -> None:
    found = [code for row in rows(system) for code in re.findall(r"`([^`]+)`", row[-1])]
    assert len(found) >= 5
    python = [code for code in found if not code.startswith(COMMANDS) and not FIELDS.fullmatch(code)]
    assert [code for code in python if not parses(code)] == []


@pytest.mark.parametrize("system", SYSTEMS[:-1])
def test_each_tells_of_cron(system: str) -> None:
    assert "cron" in {row[0] for row in rows(system)}


def test_it_tells_that_a_group_isnt_celerys() -> None:
    assert "**A group isn't Celery's group.**" in SECTIONS["Celery"]
    assert "or_none()" in SECTIONS["Celery"]
