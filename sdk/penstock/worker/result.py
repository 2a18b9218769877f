"""What a task returned, as JSON: it must be able to travel, fit what the function's annotation promises, and have a
bounded size. A task whose result is no use hasn't succeeded, and its caller learns why."""

from __future__ import annotations

import inspect

from penstock import codec
from penstock.definition import Definition
from penstock.errors import BadResult, ConfigurationError, ResultTooLarge
from penstock.limits import RESULT_BYTES

__all__ = ["encoded"]

_DATA = frozenset((type(None), bool, int, float, str, list, dict))


def encoded(definition: Definition, value: object) -> bytes:
    """The result's JSON. Raises BadResult."""
    kind = type(value)
    if kind not in _DATA and (remedy := _unfinished(value)) is not None:
        raise BadResult(f"{definition.name} returned a {kind.__name__}: {remedy}")
    data = _encoded(definition, value)
    if len(data) > RESULT_BYTES:
        raise ResultTooLarge(
            f"{definition.name} returned {len(data)} bytes of JSON, and a result may have {RESULT_BYTES}: "
            "store it elsewhere and return its place"
        )
    if definition.returns is not None and kind is not definition.returns_plain:
        _check(definition, data)
    return data


def _encoded(definition: Definition, value: object) -> bytes:
    try:
        return codec.encode_value(value)
    except ConfigurationError as error:
        raise BadResult(f"{definition.name} returned what can't be sent: {error}") from error.__cause__


def _unfinished(value: object) -> str | None:
    """What to do about a value that is work still to be done, if it is."""
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it, and Python would warn of that
        return "declare the function with async def, or run the coroutine in it"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "return a list"
    return None


def _check(definition: Definition, data: bytes) -> None:
    """Read it as its caller will."""
    try:
        codec.decode_value(data, definition.returns)
    except Exception as error:
        wanted = definition.returns.__name__ if isinstance(definition.returns, type) else str(definition.returns)
        raise BadResult(
            f"{definition.name} returned what doesn't fit its annotation -> {wanted}: {_why(error)}; "
            "return that or change the annotation"
        ) from None


def _why(error: Exception) -> str:
    """pydantic's first complaint, on one line."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])
