"""Whether a value arrives as it was sent, when it travels as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

__all__ = ["ONCE", "PLAIN", "clash", "difference", "is_json"]

PLAIN = frozenset({int, str, float, bool, type(None)})
_OF_JSON = PLAIN | {list, dict}
_LEVELS = 200
Loose = Callable[[object], object] | None


def is_json(value: object, levels: int = _LEVELS) -> bool:
    """Whether it holds nothing that JSON has no word for. False for what is nested deeper than `levels`."""
    kind = type(value)
    if kind in PLAIN:
        return True
    if not levels:
        return False
    if isinstance(value, list):
        return kind is list and all(is_json(one, levels - 1) for one in value)
    return (
        isinstance(value, dict)
        and kind is dict
        and all(type(key) is str and is_json(one, levels - 1) for key, one in value.items())
    )


def clash(value: object, levels: int = _LEVELS) -> str | None:
    """Two keys of a dict in it that would be one in JSON: of these the first, and where; None if there are none."""
    if not levels:
        return None
    if isinstance(value, dict):
        if (twice := _twice(value)) is not None:
            return twice
        inner: Iterable[object] = value.values()
    elif isinstance(value, list | tuple) and not set(map(type, value)) <= PLAIN:
        inner = value
    else:
        return None
    return next((found for one in inner if (found := clash(one, levels - 1)) is not None), None)


def _twice(keys: dict[Any, Any]) -> str | None:
    if set(map(type, keys)) <= {str}:
        return None
    found: dict[str, object] = {}
    for key in keys:
        if (text := str(key.value if isinstance(key, Enum) else key)) in found:
            return f"the keys {found[text]!r:.80} and {key!r:.80} of a dict are one in JSON; use one kind of keys"
        found[text] = key
    return None


def difference(sent: Any, arrived: Any, loose: Loose = None) -> str | None:
    """Where and how what arrived isn't what was sent; None if it is.

    What JSON has a word for may become something else, for that is what an annotation is for: a str a UUID. `loose`:
    there are places without an annotation, in which everything arrives as JSON; it raises for what may not.
    """
    return next(_differences(sent, arrived, loose, ""), None)


def _differences(sent: Any, arrived: Any, loose: Loose, where: str) -> Iterator[str]:
    if isinstance(sent, Iterator):
        yield f"{where}{ONCE}"
    elif type(sent) is not type(arrived):
        if type(sent) in _OF_JSON:
            return
        if loose is None or type(arrived) not in _OF_JSON:
            yield f"{where}{_other_kind(sent, arrived)}"
        else:
            loose(sent)
    elif not _equal(sent, arrived):
        yield from _inside(sent, arrived, loose, where)


def _equal(sent: object, arrived: object) -> bool:
    """What compares by identity can't be told apart, and counts as equal."""
    if hasattr(sent, "__pydantic_fields_set__"):  # a model's own comparison takes longer than all else here
        sent, arrived = _said(sent), _said(arrived)
    if isinstance(sent, datetime) and isinstance(arrived, datetime):  # in an hour that the clock shows twice, or never,
        # none equals one of another zone (PEP 495): what it shows, and its offset, are what travels
        return (sent.replace(tzinfo=None), sent.utcoffset()) == (arrived.replace(tzinfo=None), arrived.utcoffset())
    try:
        return type(sent).__eq__ is object.__eq__ or bool(sent == arrived)
    except Exception:  # somebody else's comparison
        return False


def _said(model: object) -> object:
    return model.__dict__, getattr(model, "__pydantic_extra__", None)


def _inside(sent: Any, arrived: Any, loose: Loose, where: str) -> Iterator[str]:
    """Of two of the same kind. What their parts don't show, such as private attributes, doesn't travel."""
    parts, others = _parts(sent), _parts(arrived)
    if parts is None or others is None or len(parts) != len(others):
        yield f"{where}{_changed(sent)}"
        return
    for name, part in parts.items():
        if name not in others:
            yield f"{where}{_changed(sent)}"
        elif _excluded(sent, name):
            if part != others[name]:
                yield f"{where}{name}: it is declared with Field(exclude=True) and isn't sent; leave it at its default"
        else:
            yield from _differences(part, others[name], loose, f"{where}{name}: ")


def _parts(value: Any) -> dict[Any, Any] | None:
    """What it consists of, by name or place."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    declared = getattr(type(value), "model_fields", None)
    if declared is None:
        return None
    return {name: getattr(value, name) for name in declared} | (getattr(value, "__pydantic_extra__", None) or {})


def _excluded(value: Any, name: object) -> bool:
    declared = getattr(type(value), "model_fields", {}).get(name)
    return bool(getattr(declared, "exclude", False))


def _other_kind(sent: object, arrived: object) -> str:
    was, becomes = type(sent).__qualname__, type(arrived).__qualname__
    if isinstance(sent, type(arrived)):
        return (
            f"a {was} would arrive as a {becomes}, without what only a {was} has; annotate with {was}, "
            f"or with a union of all that may come, such as {was} | {becomes}"
        )
    return f"a {was} would arrive as a {becomes}; annotate with {was}, or send a {becomes}"


def _changed(sent: object) -> str:
    if hasattr(sent, "get_secret_value"):
        return SECRET
    return (
        f"a {type(sent).__qualname__} would arrive with other contents; its JSON must say all of it, and its "
        "validators must read that"
    )


ONCE = "an iterator can be read only once, and would be empty when it is sent; make a list of it: list(…)"
SECRET = (
    "a secret would arrive as asterisks; send the name under which the worker finds it, or .get_secret_value() as a "
    "str, sealed on its way by Penstock(codec=…)"
)
