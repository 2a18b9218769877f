"""The generated schemas are structural, bounded, self-explaining, and on disk as the models say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic.json_schema import JsonSchemaValue

from penstock.crd.__main__ import RESOURCES, files, main, manifest, template
from penstock.crd.definition import definition
from penstock.crd.schema import schema
from penstock.resources.meta import Resource
from penstock.resources.model import INT_OR_STRING, OPAQUE, RULES
from penstock.resources.pool import WorkerPool
from penstock.resources.queue import TaskQueue
from penstock.resources.task import Task

ROOT = Path(__file__).parents[3]
FORBIDDEN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "title", "const", "exclusiveMaximum", "prefixItems"}


def nodes(path: str, node: JsonSchemaValue) -> Iterator[tuple[str, JsonSchemaValue]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    for name in ("items", "additionalProperties"):
        if name in node:
            yield from nodes(f"{path}[]", node[name])


def root(model: type[Resource]) -> JsonSchemaValue:
    tree: JsonSchemaValue = definition(model)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return tree


def own(model: type[Resource]) -> Iterator[tuple[str, JsonSchemaValue]]:
    """The nodes below spec and status; the API server owns the rest."""
    for part in ("spec", "status"):
        yield from nodes(part, root(model)["properties"][part])


@pytest.fixture(params=RESOURCES, ids=lambda model: model.__name__)
def model(request: pytest.FixtureRequest) -> type[Resource]:
    kind: type[Resource] = request.param
    return kind


def test_structural(model: type[Resource]) -> None:
    for path, node in nodes("", root(model)):
        assert not FORBIDDEN & node.keys(), path
        assert "type" in node or node.get(OPAQUE) or node.get(INT_OR_STRING), path
        assert not ("properties" in node and "additionalProperties" in node), path
        assert isinstance(node.get("exclusiveMinimum", True), bool), path


def test_everything_is_bounded(model: type[Resource]) -> None:
    for path, node in own(model):
        match node.get("type"):
            case "array":
                assert "maxItems" in node, path
            case "string":
                assert node.keys() & {"maxLength", "enum", "format"}, path
            case "object" if "additionalProperties" in node:
                assert "maxProperties" in node, path
            case "object":
                assert "properties" in node or node.get(OPAQUE), path
            case "integer" | "number":
                assert "minimum" in node or path.endswith("inputs[]"), path


def test_rules_name_the_field_and_the_remedy(model: type[Resource]) -> None:
    for path, node in nodes("", root(model)):
        for rule in node.get(RULES, []):
            assert ": " in rule["message"], path
            assert len(rule["message"]) <= 160, path


def test_required_fields_have_no_default(model: type[Resource]) -> None:
    for path, node in own(model):
        for name in node.get("required", []):
            assert "default" not in node["properties"][name], f"{path}.{name}"


def test_status_is_visible_before_the_first_write() -> None:
    assert root(Task)["properties"]["status"]["default"] == {"phase": "Pending", "observedGeneration": -1}
    assert root(WorkerPool)["properties"]["status"]["default"]["observedGeneration"] == -1
    assert root(TaskQueue)["properties"]["status"]["default"] == {"observedGeneration": -1}


def test_fields_whose_default_is_elsewhere_have_none() -> None:
    spec = root(Task)["properties"]["spec"]["properties"]
    assert "default" not in spec["queue"]
    assert "default" not in spec["retry"]
    target = root(WorkerPool)["properties"]["spec"]["properties"]["autoscaling"]["properties"]["target"]
    assert "default" not in target


def test_opaque_fields() -> None:
    spec, status = (root(Task)["properties"][part]["properties"] for part in ("spec", "status"))
    assert spec["args"]["items"] == {OPAQUE: True, "nullable": True}
    assert spec["kwargs"]["type"] == "object"
    assert spec["kwargs"][OPAQUE]
    assert status["result"]["nullable"]
    template_field = schema(WorkerPool)["properties"]["spec"]["properties"]["template"]
    assert template_field[OPAQUE]
    assert "properties" not in template_field


def test_names_and_subresources() -> None:
    spec = definition(WorkerPool)["spec"]
    assert spec["names"]["shortNames"] == ["ppool"]
    assert spec["names"]["categories"] == ["penstock"]
    assert spec["versions"][0]["subresources"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    selectable = definition(Task)["spec"]["versions"][0]["selectableFields"]
    assert selectable == [{"jsonPath": path} for path in (".spec.queue", ".spec.task", ".status.phase")]


def test_columns_point_at_fields_that_exist(model: type[Resource]) -> None:
    paths = {path for path, _ in own(model)}
    for column in model.definition.columns:
        path = column.path.removeprefix(".").partition("[")[0]
        assert path in paths or path == "metadata.creationTimestamp", column.name


def test_the_chart_keeps_its_copy_on_uninstall(model: type[Resource]) -> None:
    lines = template(model).splitlines()
    assert lines[1] == "{{- if .Values.crds.install }}"
    assert lines[-1] == "{{- end }}"
    copy = yaml.safe_load("\n".join(lines[2:-1]))
    assert copy["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert copy == yaml.safe_load(manifest(model))


def test_generated_files_are_fresh() -> None:
    generated = files(ROOT / "crds", ROOT / "charts/penstock", ROOT / "docs/reference/resources.md")
    stale = [
        path.relative_to(ROOT) for path, text in generated if not path.is_file() or path.read_text("utf-8") != text
    ]
    assert not stale, (
        "run: python -m penstock.crd --out crds --chart charts/penstock --docs docs/reference/resources.md"
    )


def test_check_lists_stale_files_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--out",
        str(tmp_path / "crds"),
        "--chart",
        str(tmp_path / "chart"),
        "--docs",
        str(tmp_path / "page.md"),
    ]
    assert main([*arguments, "--check"]) == 1
    assert f"stale: {tmp_path / 'crds' / 'tasks.yaml'}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0
    (tmp_path / "page.md").write_text("edited")
    assert main([*arguments, "--check"]) == 1
