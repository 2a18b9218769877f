"""What Penstock's kinds share with every Kubernetes object: metadata, conditions, the resource's frame."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, JsonValue

from penstock.resources.kinds import Kind
from penstock.resources.model import Model, Moment, Spelling


class ObjectMeta(Model):
    """The part of an object's metadata that Penstock reads. The API server has the complete schema."""

    model_config = ConfigDict(extra="ignore")

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: Moment | None = None
    deletion_timestamp: Moment | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One aspect of the object's state, in the form that `kubectl wait` and kstatus understand."""

    type: Annotated[
        str,
        Field(min_length=1, max_length=128, pattern=r"^[A-Za-z][A-Za-z0-9./-]*$"),
        Spelling("isn't a type of a condition: use a CamelCase word such as Ready"),
    ]
    """Which aspect, as a CamelCase word."""
    status: ConditionStatus
    reason: Annotated[
        str,
        Field(min_length=1, max_length=256, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
        Spelling("isn't a reason of a condition: use a CamelCase word such as QueueFull"),
    ]
    """A CamelCase word for machines."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """A sentence for people."""
    last_transition_time: Moment
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this condition describes."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class Resource(Model):
    """The frame of a kind: subclasses narrow `kind` and add `spec` and `status`."""

    definition: ClassVar[Kind]

    api_version: str
    kind: str
    metadata: ObjectMeta

    def manifest(self) -> dict[str, JsonValue]:
        """The JSON form to create or apply: with apiVersion and kind, without what was never set."""
        return {"apiVersion": self.api_version, "kind": self.kind, **super().manifest()}
