"""The pages of docs/tutorial and docs/how-to do what they say: the Python of each is run as one module, and what it
prints is what the page shows under it. An ellipsis there stands for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from doctest import ELLIPSIS, OutputChecker
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.tutorial.pages import ROOT, Fence, fences, in_language

from penstock.resources.batch import TaskBatch
from penstock.resources.meta import Resource
from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.resources.task import Task

INDEX, README = ROOT / "docs/index.md", ROOT / "README.md"
PAGES = [INDEX, *sorted([*(ROOT / "docs/tutorial").glob("*.md"), *(ROOT / "docs/how-to").glob("*.md")])]
MODELS: dict[str, type[Resource]] = {
    "Task": Task,
    "TaskQueue": TaskQueue,
    "WorkerPool": WorkerPool,
    "TaskBatch": TaskBatch,
}
TESTED_BY_PYTEST = re.compile(r"^(async )?def test_", re.MULTILINE)
PLACEHOLDERS = ("REGISTRY/", "ptask/", "pbatch/", "/api/", "http://", "https://", "redis://")
OTHERS = ("autoscaling/v2", "keda.sh/v1alpha1")  # see tests/unit/test_external_scalers.py


def pages_with(language: str, *others: Path) -> pytest.MarkDecorator:
    found = [page for page in (*others, *PAGES) if in_language(page, language)]
    return pytest.mark.parametrize("page", found, ids=lambda page: page.stem)


@pages_with("python")
def test_its_code_prints_what_it_shows(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where annotations are looked up
    for fence, shown in pairwise([*fences(page), Fence("", "", 0)]):
        if fence.language == "python":
            exec(compile("\n" * fence.line + fence.text, page, "exec"), vars(module))
            printed, expected = capsys.readouterr().out, shown.text if shown.language == "text" else ""
            assert OutputChecker().check_output(expected, printed, ELLIPSIS), (
                f"{page.name}, line {fence.line}: it shows\n{expected}\nand prints\n{printed}"
            )


def test_the_first_task_takes_less_than_ten_lines() -> None:
    assert sum(bool(line.strip()) for line in code(INDEX).splitlines()) < 10


def code(page: Path) -> str:
    return "\n\n".join(fence.text for fence in in_language(page, "python"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if TESTED_BY_PYTEST.search(code(page))], ids=lambda page: page.stem
)
def test_its_tests_pass(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "test_page.py"
    file.write_text(code(page))
    command = [sys.executable, "-m", "pytest", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "-q", str(file)]
    ran = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)}, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pages_with("yaml", README)
def test_its_resources_are_valid(page: Path) -> None:
    for fence in in_language(page, "yaml"):
        for resource in yaml.safe_load_all(fence.text):
            if resource.get("apiVersion") not in OTHERS and "rules" not in resource:
                MODELS[resource["kind"]].model_validate(resource)


@pages_with("bash", README)
def test_its_commands_name_files_that_exist(page: Path) -> None:
    words = [word for fence in in_language(page, "bash") for word in re.split(r"[\s='\"]+", fence.text)]
    paths = [word for word in words if "/" in word and not word.startswith(PLACEHOLDERS)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_there_are_ten_steps() -> None:
    steps = [page.name[:2] for page in PAGES if page.parent.name == "tutorial"]
    assert steps == [f"{number:02}" for number in range(1, 11)]
