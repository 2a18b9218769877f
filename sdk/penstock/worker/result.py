"""What a task returned, as JSON: it must be able to travel, fit what the function's annotation promises, and have a
bounded size. A task whose result is no use hasn't succeeded, and its caller learns why."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator

from penstock import codec
from penstock.definition import Definition
from penstock.errors import BadResult, ConfigurationError, ResultTooLarge
from penstock.fit import fit
from penstock.limits import RESULT_BYTES
from penstock.portable import PLAIN, difference, is_json

__all__ = ["encoded"]

_DATA = frozenset((type(None), bool, int, float, str, list, dict))


def encoded(definition: Definition, value: object) -> bytes:
    """The result's JSON. Raises BadResult."""
    if value is None and definition.returns is None:  # most return nothing
        return b"null"
    kind = type(value)
    if kind not in _DATA and (remedy := _unfinished(value)) is not None:
        raise BadResult(f"{definition.name} returned a {kind.__name__}: {remedy}")
    data = _encoded(definition, value, kind)
    if len(data) > RESULT_BYTES:
        raise ResultTooLarge(
            f"{definition.name} returned {len(data)} bytes of JSON, and a result may have {RESULT_BYTES}: "
            "store it elsewhere and return its place"
        )
    if definition.returns is not None and kind is not definition.returns_plain:
        _check(definition, value, data)
    return data


def _encoded(definition: Definition, value: object, kind: type) -> bytes:
    try:
        whole = kind not in PLAIN and fit(definition.returns).loose
        return codec.encode_whole(value) if whole else codec.encode_value(value)
    except ConfigurationError as error:
        raise BadResult(f"{definition.name} returned what can't be sent: {error}") from error.__cause__


def _unfinished(value: object) -> str | None:
    """What to do about a value that is work still to be done, if it is."""
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it, and Python would warn of that
        return "declare the function with async def, or run the coroutine in it"
    if isinstance(value, Iterator | AsyncIterator):
        return "return a list"
    return None


def _check(definition: Definition, value: object, data: bytes) -> None:
    """Read it as its caller will."""
    try:
        arrived = codec.decode_value(data, definition.returns)
        problem = None if is_json(value) else difference(value, arrived, codec.encode_whole)
    except Exception as error:
        problem = codec.complaint(error)
    if problem is not None:
        wanted = definition.returns.__name__ if isinstance(definition.returns, type) else str(definition.returns)
        raise BadResult(
            f"{definition.name} returned what doesn't fit its annotation -> {wanted}: {problem}; "
            "return that or change the annotation"
        )
