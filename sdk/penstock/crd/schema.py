"""From a pydantic model to a structural OpenAPI v3 schema, which is what a CRD takes."""

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

COPIED = (
    "description", "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "minProperties", "maxProperties", "pattern", "required", "nullable",
)  # fmt: skip


def schema(model: type[BaseModel]) -> JsonSchemaValue:
    """The structural OpenAPI v3 schema of a model: no references, no unions, absent instead of null."""
    generated = model.model_json_schema(by_alias=True)
    return _structural(generated, generated.get("$defs", {}))


def _structural(node: JsonSchemaValue, definitions: JsonSchemaValue) -> JsonSchemaValue:
    node = _resolved(node, definitions)
    result = {name: node[name] for name in COPIED if name in node}
    result |= {name: value for name, value in node.items() if name.startswith("x-kubernetes-")}
    if "properties" in node:
        result["properties"] = {name: _structural(child, definitions) for name, child in node["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), dict):
            result[name] = _structural(node[name], definitions)
    return result | _exclusive_bounds(node) | _default(node, result.get("properties", {}))


def _resolved(node: JsonSchemaValue, definitions: JsonSchemaValue) -> JsonSchemaValue:
    """Replace a reference, or the union that pydantic makes of `X | None`, by what it stands for."""
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
    elif "anyOf" in node:
        [target] = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
    else:
        return node
    siblings = {name: value for name, value in node.items() if name not in ("$ref", "anyOf")}
    return _resolved(target | siblings, definitions)


def _exclusive_bounds(node: JsonSchemaValue) -> JsonSchemaValue:
    """JSON Schema's exclusiveMinimum is a number, OpenAPI v3.0's a flag beside minimum."""
    bounds: JsonSchemaValue = {}
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if flag in node:
            bounds |= {bound: node[flag], flag: True}
    return bounds


def _default(node: JsonSchemaValue, properties: JsonSchemaValue) -> JsonSchemaValue:
    """The default to store: of an object what its fields default to, and nothing that is empty.

    The API server checks the CEL rules on it before it fills in the fields' own, so {} won't do.
    """
    default = node.get("default")
    if properties and default is not None:
        return {"default": {name: child["default"] for name, child in properties.items() if "default" in child}}
    return {} if default in (None, "", []) else {"default": default}
