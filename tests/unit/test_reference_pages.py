"""docs/reference reads as Markdown in a checkout: signatures and docstrings stand in the pages themselves."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "reference").glob("*.md"))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = module_from_spec(spec)  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


def made(generator: ModuleType, marker: str) -> str:
    return str(generator.rendered(f"# A page\n\nBy hand.\n\n<!-- {marker} -->\nold\n<!-- end -->\n\nAfter.\n"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_needs_no_site_to_be_read(page: Path) -> None:
    assert not re.search(r"^:::|\]\[|&#?\w+;", page.read_text(), re.MULTILINE)


def test_a_function_has_its_signature_and_docstring(generator: ModuleType) -> None:
    page = made(generator, "penstock.group")
    assert page.startswith("# A page\n\nBy hand.\n\n<!-- penstock.group -->\n\n### group\n")
    assert "```python\ndef group(*members: Flow[R] | Callee[R]) -> Many[R]: ..." in page
    assert page.endswith("<!-- end -->\n\nAfter.\n")
    assert "old" not in page


def test_a_class_has_its_methods(generator: ModuleType) -> None:
    page = made(generator, "penstock.Handle")
    assert "```python\nclass Handle(Generic[R]): ...\n```" in page
    assert "#### Handle.result\n\n```python\nasync def result(timeout: Patience = None) -> R: ...\n```" in page
    assert "__init__" not in page


def test_a_class_that_users_make_has_its_constructor(generator: ModuleType) -> None:
    assert "class Penstock:\n    def __init__(" in made(generator, 'penstock.Penstock {"init": true}')


def test_a_records_fields_are_a_table(generator: ModuleType) -> None:
    assert "| `attempts` | `int` | `0` |\n" in made(generator, "penstock.TaskStatus")


def test_members_can_be_selected(generator: ModuleType) -> None:
    page = made(generator, 'penstock.flow.Many {"members": []}')
    assert "### Many\n" in page
    assert "####" not in page
