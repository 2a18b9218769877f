"""Values on the wire: JSON both ways, by pydantic's rules, so that whatever has a schema can travel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["NO_ARGUMENTS", "adapter", "complaint", "decode_call", "decode_value", "encode_call", "encode_value"]


def _beyond_json(value: object) -> object:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


_encoder = msgspec.json.Encoder(enc_hook=_beyond_json)
_calls = msgspec.json.Decoder(tuple[list[Any], dict[str, Any]])
NO_ARGUMENTS = b"[[],{}]"
SHOWN_LENGTH = 80  # of a value in a message


def encode_value(value: object) -> bytes:
    """A result as JSON. Raises ConfigurationError where it can't be one."""
    try:
        encoded = _encoder.encode(value)
        if b"null" in encoded and value is not None and not _finite(msgspec.to_builtins(value, enc_hook=_beyond_json)):
            raise ValueError("it holds NaN or an infinity, which JSON can't say")
        return encoded
    except Exception as error:
        raise ConfigurationError(
            f"a value of type {type(value).__qualname__} can't travel as JSON: {error}; "
            "use plain data, a dataclass or a pydantic model"
        ) from error


def _finite(value: object) -> bool:
    """Whether no float in it would silently become null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list | tuple) else True


def decode_value(data: bytes, annotation: object = None) -> Any:
    """A result back: plain JSON, or converted where the function's return annotation says to what."""
    converter = None if annotation is None else adapter(annotation)
    return msgspec.json.decode(data) if converter is None else converter.validate_json(data)


def adapter(annotation: object) -> Any:
    """pydantic's TypeAdapter of an annotation; None where pydantic doesn't know what that is."""
    try:
        return _known_adapter(annotation)
    except TypeError:  # it can't be hashed
        return _adapter(annotation)


def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(annotation, config=ConfigDict(val_json_bytes="base64"))  # as bytes were encoded
    except (PydanticSchemaGenerationError, NameError):
        return None
    except PydanticUserError:  # a model or dataclass brings a configuration of its own
        return TypeAdapter(annotation)


_known_adapter = lru_cache(maxsize=1024)(_adapter)


def encode_call(args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
    """A call's arguments: the JSON array `[args, kwargs]`."""
    return encode_value([args, kwargs]) if args or kwargs else NO_ARGUMENTS


def decode_call(payload: bytes) -> tuple[list[Any], dict[str, Any]]:
    """The arguments back. Raises msgspec.MsgspecError where they are no such array."""
    return ([], {}) if payload == NO_ARGUMENTS else _calls.decode(payload)


def complaint(error: Exception) -> str:
    """An error on one line; pydantic's without its address."""
    from pydantic_core import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(map(_problem, error.errors(include_url=False, include_context=False)))
    return str(error) if isinstance(error, ValueError | ConfigurationError) else f"{type(error).__name__}: {error}"


def _problem(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    told = f"{problem['msg']} (got {_shown(problem['input'])})"
    return f"{where}: {told}" if where else told


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except Exception:  # it is somebody else's, or nested too deeply
        shown = f"<{type(value).__qualname__}>"
    return shown if len(shown) <= SHOWN_LENGTH else f"{shown[:SHOWN_LENGTH]}…"
