"""From the structural schemas to the reference page, in Markdown."""

from collections.abc import Iterable, Iterator

from pydantic.json_schema import JsonSchemaValue

from penstock.crd.schema import schema
from penstock.resources.kinds import API_VERSION
from penstock.resources.meta import Resource
from penstock.resources.model import INT_OR_STRING, OPAQUE, RULES

BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minItems": "≥ {} items",
    "maxItems": "≤ {} items",
}

INTRODUCTION = f"""# Resources

Generated from `penstock.resources` by `python -m penstock.crd`: do not edit.

API version `{API_VERSION}`, all namespaced, category `penstock` (`kubectl get penstock`). `kubectl explain ptask.spec`
says the same as this page. A `*` marks required fields. `any` is any JSON value, unchecked.
"""


def page(models: Iterable[type[Resource]]) -> str:
    """The text of docs/reference/resources.md."""
    return "\n".join([INTRODUCTION, *(_section(model) for model in models)])


def _section(model: type[Resource]) -> str:
    kind, root = model.definition, schema(model)
    title = f"## {kind.kind} (`{kind.short_name}`)\n\n{root['description']}\n"
    parts = [_table(name, root["properties"][name]) for name in ("spec", "status")]
    return "\n".join([title, *parts, _rules(root)])


def _table(part: str, node: JsonSchemaValue) -> str:
    rows = (_row(path, child, required) for path, child, required in _fields(part, node))
    return "\n".join(["| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows, ""])


def _row(path: str, node: JsonSchemaValue, required: bool) -> str:
    default = f"`{_literal(node['default'])}`" if _scalar_default(node) else ""
    meaning = " ".join(node.get("description", "").split()).replace("|", "\\|")
    return f"| `{path}`{' *' if required else ''} | {_type(node)} | {default} | {meaning} |"


def _scalar_default(node: JsonSchemaValue) -> bool:
    return "default" in node and not isinstance(node["default"], dict)


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(node: JsonSchemaValue) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    unspoken = "integer or string" if INT_OR_STRING in node else "any"
    name = node.get("format") or node.get("type", unspoken)
    bounds = [text.format(node[bound]) for bound, text in BOUNDS.items() if bound in node]
    if node.get("exclusiveMinimum"):
        bounds[0] = bounds[0].replace("≥", ">")
    return ", ".join([name, *bounds])


def _fields(path: str, node: JsonSchemaValue) -> Iterator[tuple[str, JsonSchemaValue, bool]]:
    """Every field below `node` with its dotted path, depth first."""
    required = node.get("required", [])
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child, name in required
        yield from _fields(f"{path}.{name}", child)
        if not child.get("items", {}).get(OPAQUE):
            yield from _fields(f"{path}.{name}[]", child.get("items", {}))


def _rules(root: JsonSchemaValue) -> str:
    messages = dict.fromkeys(_messages(root))
    return "\n".join(["Rules that the API server enforces:", "", *(f"- {message}" for message in messages), ""])


def _messages(node: JsonSchemaValue) -> Iterator[str]:
    """The messages of the rules on objects; those on single values say how a field is spelt."""
    if node.get("type") == "object":
        yield from (rule["message"] for rule in node.get(RULES, []))
    for child in [*node.get("properties", {}).values(), node.get("items", {})]:
        if child:
            yield from _messages(child)
