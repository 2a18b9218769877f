"""What a pool's template says in vain, for the operator has the last word on it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.resources.pool import WorkerPool
from penstock_operator.manifests import FORCED, deployment
from penstock_operator.settings import Settings

__all__ = ["overridden"]


def overridden(pool: WorkerPool, settings: Settings) -> Sequence[str]:
    """Paths in the pool's spec. Raises ConfigurationError for a template that is none."""
    template = pool.spec.template or {}
    made = deployment(pool, 1, settings)["spec"]["template"]
    return sorted({path for path in _lost(template, made, "spec.template") if _ours(path)})


def _ours(path: str) -> bool:
    """Whether the operator decides on it; what else differs, a merge key's order say, is no loss."""
    fields = path.removeprefix("spec.template.").split(".")
    return fields[0] == "metadata" or any(field.partition("[")[0] in (*FORCED, "env") for field in fields)


def _lost(asked: Any, made: Any, path: str) -> Iterator[str]:
    """Where what was asked for isn't what was made."""
    if isinstance(asked, Mapping) and isinstance(made, Mapping):
        for name, value in asked.items():
            if value is not None:
                yield from _lost(value, made.get(name), f"{path}.{name}")
    elif isinstance(asked, list) and isinstance(made, list) and all(map(_named, (*asked, *made))):
        known = {entry["name"]: entry for entry in made}
        for entry in asked:
            yield from _lost(entry, known.get(entry["name"]), f"{path}[{entry['name']}]")
    elif asked != made:
        yield path


def _named(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
