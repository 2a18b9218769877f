"""The page about edits speaks of each field of each spec, once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from penstock.resources.batch import TaskBatchSpec
from penstock.resources.pool import WorkerPoolSpec
from penstock.resources.queue import TaskQueueSpec
from penstock.resources.task import TaskSpec

PAGE = (Path(__file__).parents[4] / "docs/reference/edits.md").read_text()
KINDS: list[tuple[str, type[BaseModel]]] = [
    ("Task", TaskSpec),
    ("TaskBatch", TaskBatchSpec),
    ("TaskQueue", TaskQueueSpec),
    ("WorkerPool", WorkerPoolSpec),
]


def rows(kind: str) -> dict[str, list[str]]:
    """The table of a kind: what each field's row says."""
    [table] = re.findall(rf"^## {kind}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    names = [row[0].strip().strip("`") for row in found]
    assert len(set(names)) == len(names)
    return {name: [cell.strip() for cell in row[1:]] for name, row in zip(names, found, strict=True)}


@pytest.mark.parametrize(("kind", "spec"), KINDS)
def test_each_field_is_told_once(kind: str, spec: type[BaseModel]) -> None:
    assert set(rows(kind)) == {field.alias for field in spec.model_fields.values()}


@pytest.mark.parametrize(("kind", "spec"), KINDS[:2])
def test_what_is_refused_in_every_phase_is_what_is_called_immutable(kind: str, spec: type[BaseModel]) -> None:
    refused = {name for name, cells in rows(kind).items() if set(cells) == {"refused"}}
    immutable = {field.alias for field in spec.model_fields.values() if "Immutable." in (field.description or "")}
    assert refused == immutable
