"""What an annotation makes of the values that travel: whether one arrives as it was sent, and what it becomes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock import codec
from penstock.portable import ONCE, PLAIN, clash, difference, is_json
from penstock.remembered import by_annotation

__all__ = ["Fit", "fit"]

# What pydantic makes of these is as good after JSON as before it. All else is tried before it is sent.
_AS_SENT = {"int", "float", "bool", "str", "none", "nullable", "list", "dict", "literal", "default", "any"}


@dataclass(frozen=True, slots=True)
class Fit:
    """One annotation's. Values of a `plain` type are fine as they are, pydantic sees to all others. `exact`: it must be
    tried whether a value arrives as it was sent. `loose`: it has places for anything, which arrives as JSON.
    `ambiguous`: it has places for bytes and texts alike, where a text may be read as the base64 of bytes."""

    plain: type | None = None
    adapter: Any = None
    exact: bool = False
    loose: bool = False
    ambiguous: bool = False
    unusable: str = ""  # why there is no adapter though there is an annotation

    def check(self, value: object) -> None:
        """Raise an error (pydantic's, ValueError or ConfigurationError) where it would not arrive as it was sent."""
        if type(value) is self.plain:
            return
        if isinstance(value, Iterator):
            raise ValueError(ONCE)
        expected = value if self.adapter is None else self.adapter.validate_python(value)
        if self.unusable:
            self._check_json(value)
        elif not self.exact:
            if self.loose and type(value) not in PLAIN:
                codec.encode_whole(value)
        elif not is_json(value):  # what is JSON becomes what the annotation says, wherever that happens
            self._check_arrival(value, expected)
        elif self.ambiguous:
            self._check_text(value, expected)

    def _check_json(self, value: object) -> None:
        if not is_json(value):
            codec.encode_value(value)  # that may be the greater problem
            raise ValueError(f"a {type(value).__qualname__} can't be sent here, only plain JSON can: {self.unusable}")

    def _check_arrival(self, value: object, expected: object) -> None:
        data, loose = codec.encode_value(value), codec.encode_whole if self.loose else None
        try:
            arrived = self.adapter.validate_json(data)
        except ValueError as error:
            raise ValueError(
                f"a {type(value).__qualname__} couldn't be read back from its JSON: {codec.complaint(error)}; "
                "its validators and aliases must read what its serializers write"
            ) from None
        problem = difference(expected, arrived, loose)
        if problem is not None and difference(value, arrived, loose) is not None:
            raise ValueError(clash(value) or problem)

    def _check_text(self, value: object, expected: object) -> None:
        try:
            same = self.adapter.validate_json(codec.encode_value(value)) == expected
        except ValueError:
            same = False
        if not same:
            raise ValueError(
                "a text in it would be read as the base64 of bytes; send bytes, or annotate with one of both"
            )

    def converted(self, value: object) -> object:
        """What has arrived, as the annotation wants it. Raises ValidationError."""
        if self.adapter is None or type(value) is self.plain:
            return value
        return self.adapter.validate_json(msgspec.json.encode(value))


ANYTHING = Fit(loose=True)


@by_annotation
def fit(annotation: object) -> Fit:
    """Of an annotation, which may be none at all."""
    if annotation is None or annotation is Any or annotation is object or annotation is inspect.Parameter.empty:
        return ANYTHING
    adapter = codec.adapter(annotation)
    if adapter is None:
        return Fit(unusable=f"pydantic can't use the annotation {annotation!r}; use a dataclass or a pydantic model")
    found = set(_kinds(adapter.core_schema)) if getattr(adapter, "pydantic_complete", True) else {"incomplete"}
    plain = annotation if isinstance(annotation, type) and annotation in PLAIN else None
    return Fit(plain, adapter, exact=not found <= _AS_SENT, loose="any" in found, ambiguous="bytes or str" in found)


def _type(choice: Any) -> object:
    """Of a union's choice, which may come with a label."""
    return (choice[0] if isinstance(choice, tuple) else choice).get("type")


def _kinds(schema: Any) -> list[str]:
    """The types of all schemas in a core schema."""
    if isinstance(schema, list):
        return [kind for one in schema for kind in _kinds(one)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("type")
    if own == "union" and {"bytes", "str"} <= {_type(choice) for choice in schema["choices"]}:
        own = "bytes or str"
    if own == "literal" and not all(map(is_json, schema["expected"])):
        own = "literal of others"
    below = [kind for name, one in schema.items() if name != "metadata" for kind in _kinds(one)]
    return [own, *below] if isinstance(own, str) else below
