"""Values on the wire: JSON both ways, by pydantic's rules, so that whatever has a schema can travel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from penstock.errors import ConfigurationError

__all__ = ["NO_ARGUMENTS", "adapter", "decode_call", "decode_value", "encode_call", "encode_value", "sendable"]


def _beyond_json(value: object) -> object:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


_encoder = msgspec.json.Encoder(enc_hook=_beyond_json)
_calls = msgspec.json.Decoder(tuple[list[Any], dict[str, Any]])
NO_ARGUMENTS = b"[[],{}]"


def encode_value(value: object) -> bytes:
    """A result as JSON. Raises ConfigurationError where it can't be one."""
    try:
        encoded = _encoder.encode(value)
        if b"null" in encoded and value is not None and not _finite(msgspec.to_builtins(value, enc_hook=_beyond_json)):
            raise ValueError("it holds NaN or an infinity, which JSON can't say")
        return encoded
    except Exception as error:
        raise ConfigurationError(
            f"a value of type {type(value).__qualname__} can't travel as JSON: {_odd_key(value) or error}; "
            "use plain data, a dataclass or a pydantic model"
        ) from error


def _odd_key(value: object) -> str:
    """What is wrong with a dict's key in it, if one can't be JSON's: the encoder itself tells of endless recursion."""
    try:
        return next(_odd_keys(value), "")
    except RecursionError:
        return "it is nested too deeply, or holds itself"


def _odd_keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (
            f"it holds a dict with the key {key!r:.80}, and JSON's keys are strings"
            for key in value
            if key is None or isinstance(key, tuple | frozenset)
        )
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _odd_keys(one)


def sendable(text: str) -> str:
    """Half of a surrogate pair, as in the names of odd files, is no text that could travel: written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


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
