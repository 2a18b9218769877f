"""`python -m penstock.crd --out crds [--chart charts/penstock] [--docs docs/reference/resources.md]`.

Writes one CRD for each kind, its copy as a template of the chart, and the reference page. With `--check` it writes
nothing and fails with the list of files that are stale.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic.json_schema import JsonSchemaValue

from penstock.crd.definition import definition
from penstock.crd.reference import page
from penstock.resources.batch import TaskBatch
from penstock.resources.meta import Resource
from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.resources.task import Task

RESOURCES: tuple[type[Resource], ...] = (Task, TaskQueue, WorkerPool, TaskBatch)

HEADER = "# Generated from penstock.resources by `python -m penstock.crd`: do not edit.\n"

# On uninstall the CRDs stay, since with them every user's resources would go.
KEEP = {"helm.sh/resource-policy": "keep"}


class _Dumper(yaml.SafeDumper):
    """Writes a value out each time instead of as an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(document: JsonSchemaValue) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def manifest(model: type[Resource]) -> str:
    """The text of crds/PLURAL.yaml."""
    return HEADER + _yaml(definition(model))


def template(model: type[Resource]) -> str:
    """The text of the chart's template: kept on uninstall, left out without `crds.install`."""
    body = _yaml(definition(model, KEEP)).replace("{{", '{{ "{{" }}')
    return f"{HEADER}{{{{- if .Values.crds.install }}}}\n{body}{{{{- end }}}}\n"


def files(out: Path, chart: Path | None = None, docs: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Every generated file with its text."""
    for model in RESOURCES:
        name = f"{model.definition.plural}.yaml"
        yield out / name, manifest(model)
        if chart:
            yield chart / "templates" / "crds" / name, template(model)
    if docs:
        yield docs, page(RESOURCES)


def _is_stale(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text("utf-8") != text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m penstock.crd", description="Generate the CRDs from the models.")
    parser.add_argument("--out", type=Path, required=True, help="directory of the plain CRDs")
    parser.add_argument("--chart", type=Path, help="directory of the Helm chart")
    parser.add_argument("--docs", type=Path, help="file of the reference page")
    parser.add_argument("--check", action="store_true", help="only list stale files; exit code 1 if there are any")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the result is its exit code."""
    options = _options(arguments)
    stale = [(path, text) for path, text in files(options.out, options.chart, options.docs) if _is_stale(path, text)]
    for path, text in stale:
        print(f"{'stale' if options.check else 'written'}: {path}", file=sys.stderr)
        if not options.check:
            _write(path, text)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
