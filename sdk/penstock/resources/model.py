"""What every model shares: camelCase names, strictness, and CEL rules that travel into the CRD."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

RULES = "x-kubernetes-validations"
OPAQUE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"


@dataclass(frozen=True)
class Rule:
    """A CEL rule: as an annotation on a type, or in `Model.rules` for what concerns several fields.

    `message` names the field and the remedy, since it is all that the user of kubectl sees.
    """

    rule: str
    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        return schema | {RULES: [*schema.get(RULES, []), self.as_dict()]}

    def as_dict(self) -> dict[str, str]:
        """The entry of x-kubernetes-validations."""
        return {"rule": self.rule, "message": self.message}


def unchanged(field: str) -> str:
    """The CEL condition that a field, given by its path below `self`, is as it was. Comparing optional values would be
    reckoned as dearer than a rule may be."""
    new, old = f"self.{field}", f"oldSelf.{field}"
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


@dataclass(frozen=True)
class Spelling:
    """Turns the `pattern` of the type before it into a CEL rule, because "should match '^[a-z…'" is no remedy."""

    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = dict(handler(core))
        rule = Rule(f"self.matches(r'{schema.pop('pattern')}')", self.message)
        return schema | {RULES: [rule.as_dict()]}


class Model(BaseModel):
    """A frozen part of a resource. Unknown fields are refused, as kubectl's strict validation does."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """CEL rules on this object; only the API server evaluates them."""
    nullable: ClassVar[frozenset[str]] = frozenset()
    """Names (as in JSON) of the fields for which null is a value; for all others None means absent."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        reference = handler(core)
        if cls.rules:
            handler.resolve_ref_schema(reference)[RULES] = [rule.as_dict() for rule in cls.rules]
        return reference

    @classmethod
    def stored(cls, value: Mapping[str, object]) -> Self:
        """Parse what the API server holds, which a newer CRD may have given fields that we don't know."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            unknown = [one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"]
            if not unknown:
                raise
        return cls.model_validate(_without(value, unknown))

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        fields: dict[str, JsonValue] = handler(self)
        return {name: value for name, value in fields.items() if value is not None or name in self.nullable}

    def manifest(self) -> dict[str, JsonValue]:
        """The JSON form, camelCase, without what was never set (the API server fills in the defaults)."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return dumped


def _without(value: Any, places: Sequence[tuple[int | str, ...]]) -> Any:
    """A copy without what is at these places, each a path of keys and indexes."""
    if isinstance(value, Mapping):
        items: list[tuple[int | str, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        return value
    kept = {
        key: _without(inner, [place[1:] for place in places if place[0] == key and len(place) > 1])
        for key, inner in items
        if (key,) not in places
    }
    return kept if isinstance(value, Mapping) else list(kept.values())


def rfc3339(moment: datetime) -> str:
    """The API server's spelling of a moment, in UTC with microseconds where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(rfc3339, when_used="json")]
"""A moment with its time zone."""

Seconds = Annotated[float, Field(ge=0, le=10**10)]
"""A length of time in seconds; decimals allowed."""

Json = Annotated[JsonValue, WithJsonSchema({OPAQUE: True, "nullable": True})]
"""Any JSON value; the schema looks no further into it."""

JsonObject = Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object", OPAQUE: True})]
"""Any JSON object; the schema looks no further into it."""

DNS_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=DNS_NAME),
    Spelling(
        "isn't a name of a Kubernetes object: use lower-case letters, digits, '-' and '.', such as create-account-42"
    ),
]

QueueName = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"),
    Spelling("isn't a name of a queue: use at most 63 lower-case letters, digits, '-' and '_', such as emails"),
]
