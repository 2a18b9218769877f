"""Why a value can't travel as JSON: looked for once it is known that it can't."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["MAX_DEPTH", "culprit"]

MAX_DEPTH = 100  # levels of lists and objects; the decoders end at 200


def culprit(value: object, encode: Callable[[object], object]) -> str | None:
    """The first part of it that can't, and why; None if there is no such part. `encode` raises for what can't."""
    return next(_culprits(value, encode, "", ()), None)


def _culprits(value: Any, encode: Callable[[object], object], where: str, above: tuple[int, ...]) -> Iterator[str]:
    if id(value) in above:
        yield f"{where}it contains itself"
    elif len(above) >= MAX_DEPTH + 2:
        yield f"it is nested deeper than {MAX_DEPTH} levels"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where}it holds NaN or an infinity, which JSON can't say; send None or a text"
    elif (parts := _parts(value)) is None:
        yield from _problem(value, encode, where)
    else:
        if isinstance(value, dict):
            yield from (_odd(key, where) for key in value if not _is_key(key, encode))
        for name, part in parts:
            yield from _culprits(part, encode, f"{where}{name}: ", (*above, id(value)))


def _problem(value: object, encode: Callable[[object], object], where: str) -> Iterator[str]:
    try:
        encode(value)
    except Exception as error:
        yield f"{where}{_told(error)}"


def _told(error: Exception) -> str:
    if "invalid utf-8" in str(error):  # a model's bytes
        remedy = 'ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")'
        return f"it holds bytes that are no UTF-8; give the model {remedy}"
    return str(error)


def _parts(value: Any) -> Iterator[tuple[object, object]] | None:
    if isinstance(value, dict):
        return iter(value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return iter(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        return ((field.name, getattr(value, field.name, None)) for field in fields(value))
    return None


def _is_key(key: object, encode: Callable[[object], object]) -> bool:
    try:
        encode({key: None})
    except Exception:
        return False
    return True


def _odd(key: object, where: str) -> str:
    return f"{where}the key {key!r:.80} of a dict: JSON's keys are text; use str or int, or a list of pairs"
