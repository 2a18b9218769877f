"""Keeping what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

__all__ = ["keep"]


def keep(path: Path, document: Mapping[str, object], indent: int = 1) -> Path:
    """Write it as JSON, in a folder that is made if need be; the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=indent))
    return path
