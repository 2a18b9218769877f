"""What came of all the faults, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from tests.e2e.witness import Findings

WIDEST = 44  # the name of a fault


class Ledger:
    """Findings, in the order of the tests."""

    def __init__(self) -> None:
        self._found: list[Findings] = []

    def add(self, found: Findings) -> None:
        """Note one."""
        self._found.append(found)

    def write(self, out: Path) -> None:
        """All of them as JSON."""
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps([asdict(one) | {"sound": one.sound} for one in self._found], indent=2) + "\n")

    def table(self) -> str:
        """All of them for people."""
        names = [field.name for field in fields(Findings)]
        rows = [names, *([str(value) for value in asdict(one).values()] for one in self._found)]
        return "\n".join(_row(row) for row in rows)


def _row(values: list[str]) -> str:
    fault, *numbers = (value.replace("_", " ") for value in values)
    return f"{fault[:WIDEST]:{WIDEST}}" + "".join(f"{number:>14}" for number in numbers)
