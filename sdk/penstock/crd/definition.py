"""From a resource's model to its CustomResourceDefinition."""

from collections.abc import Mapping

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue

from penstock.crd.schema import schema
from penstock.resources.kinds import GROUP, VERSION, Column, Kind, Scale
from penstock.resources.meta import Resource


def _root(model: type[Resource]) -> JsonSchemaValue:
    """The whole resource, whose frame (apiVersion, kind, metadata) the API server knows better."""
    root = schema(model)
    frame = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    root["properties"] |= frame
    root["required"] = [name for name in root.get("required", []) if name not in frame]
    return {name: value for name, value in root.items() if value != []}


def _column(column: Column) -> dict[str, JsonValue]:
    entry: dict[str, JsonValue] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.wide:
        entry["priority"] = 1
    return entry


def _subresources(scale: Scale | None) -> dict[str, JsonValue]:
    if scale is None:
        return {"status": {}}
    paths: dict[str, JsonValue] = {
        "specReplicasPath": scale.spec_replicas,
        "statusReplicasPath": scale.status_replicas,
        "labelSelectorPath": scale.selector,
    }
    return {"status": {}, "scale": paths}


def _version(model: type[Resource], kind: Kind) -> JsonSchemaValue:
    version: JsonSchemaValue = {"name": VERSION, "served": True, "storage": True}
    version["subresources"] = _subresources(kind.scale)
    version["additionalPrinterColumns"] = [_column(column) for column in kind.columns]
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version | {"schema": {"openAPIV3Schema": _root(model)}}


def definition(model: type[Resource], annotations: Mapping[str, str] | None = None) -> JsonSchemaValue:
    """The CustomResourceDefinition of a kind, as JSON."""
    kind = model.definition
    names = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": [kind.short_name],
        "categories": ["penstock"],
    }
    metadata: JsonSchemaValue = {"name": kind.crd_name}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [_version(model, kind)]},
    }
