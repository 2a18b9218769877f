"""Values on the wire: JSON both ways, by pydantic's rules, so that whatever has a schema can travel."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.culprit import MAX_DEPTH, culprit
from penstock.errors import ConfigurationError
from penstock.portable import ONCE, SECRET, clash, difference
from penstock.remembered import by_annotation
from penstock.shown import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "NO_ARGUMENTS",
    "adapter",
    "check_depth",
    "complaint",
    "decode_call",
    "decode_value",
    "encode_call",
    "encode_value",
    "encode_whole",
    "sendable",
]


def _beyond_json(value: object) -> object:
    from pydantic_core import to_jsonable_python

    if hasattr(value, "get_secret_value"):
        raise ValueError(SECRET)
    if isinstance(value, Iterator):
        raise ValueError(ONCE)
    return to_jsonable_python(value, round_trip=True)


def _beyond_json_whole(value: object) -> object:
    """The same. A model must say all that it holds: nothing checks that where there is no annotation."""
    plain = _beyond_json(value)
    read = getattr(type(value), "model_validate_json", None)
    if read is not None:
        try:
            arrived = read(msgspec.json.encode(plain))
        except ValueError:  # it has a JSON of its own that isn't meant to be read back
            return plain
        if (problem := difference(value, arrived, encode_whole)) is not None:
            raise ValueError(problem)
    return plain


_encoder = msgspec.json.Encoder(enc_hook=_beyond_json)
_whole_encoder = msgspec.json.Encoder(enc_hook=_beyond_json_whole)
_calls = msgspec.json.Decoder(tuple[list[Any], dict[str, Any]])
NO_ARGUMENTS = b"[[],{}]"
SHOWN_LENGTH = 80  # of a value in a message


def encode_value(value: object) -> bytes:
    """A result as JSON. Raises ConfigurationError where it can't be one."""
    return _encoded(value, _encoder)


def encode_whole(value: object) -> bytes:
    """The same where no annotation says what it is. Raises ConfigurationError for a model that doesn't say all it
    holds."""
    encoded = _encoded(value, _whole_encoder)
    if b'":' in encoded and (problem := clash(value)) is not None:
        raise ConfigurationError(f"a value of type {type(value).__qualname__} can't travel as JSON: {problem}")
    return encoded


def _encoded(value: object, encoder: msgspec.json.Encoder, depth: int = MAX_DEPTH) -> bytes:
    try:
        encoded = encoder.encode(value)
        check_depth(encoded, depth)
        if b"null" in encoded and value is not None and not _finite(msgspec.to_builtins(value, enc_hook=_beyond_json)):
            raise ValueError("it holds NaN or an infinity, which JSON can't say")
        return encoded
    except Exception as error:
        raise ConfigurationError(
            f"a value of type {type(value).__qualname__} can't travel as JSON: "
            f"{culprit(value, encoder.encode) or error}; use plain data, a dataclass or a pydantic model"
        ) from error


def check_depth(encoded: bytes, most: int) -> None:
    """Raise ValueError for JSON of more levels: deeper, and no decoder would take it. Most have fewer brackets
    altogether."""
    if encoded.count(b"[") + encoded.count(b"{") > most:
        brackets = _STRINGS.sub(b"", encoded).translate(None, delete=_OTHERS)
        if max(accumulate(map(_STEPS.__getitem__, brackets))) > most:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def sendable(text: str) -> str:
    """Half of a surrogate pair, as in the names of odd files, is no text that could travel: written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_OTHERS = bytes(set(range(256)) - set(_STEPS))


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


@by_annotation
def adapter(annotation: Any) -> Any:
    """pydantic's TypeAdapter of an annotation; None where pydantic doesn't know what that is."""
    from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
    from typing_extensions import TypeAliasType

    as_encoded = ConfigDict(val_json_bytes="base64")
    try:
        return TypeAdapter(annotation, config=as_encoded)
    except (PydanticSchemaGenerationError, NameError):
        return None
    except PydanticUserError:  # what may have a configuration of its own takes ours in disguise only
        with suppress(PydanticUserError):
            disguised: Any = TypeAliasType("Value", annotation)
            return TypeAdapter(disguised, config=as_encoded)
        return None


def encode_call(args: Sequence[object], kwargs: Mapping[str, object]) -> bytes:
    """A call's arguments: the JSON array `[args, kwargs]`. Raises ConfigurationError where they can't be JSON."""
    return _encoded([args, kwargs], _encoder, MAX_DEPTH + 2) if args or kwargs else NO_ARGUMENTS


def decode_call(payload: bytes) -> tuple[list[Any], dict[str, Any]]:
    """The arguments back. Raises msgspec.MsgspecError where they are no such array."""
    try:
        return ([], {}) if payload == NO_ARGUMENTS else _calls.decode(payload)
    except RecursionError:
        raise msgspec.DecodeError(f"arguments that are nested deeper than {MAX_DEPTH} levels") from None


def complaint(error: Exception) -> str:
    """An error on one line; pydantic's without its address."""
    from pydantic_core import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(map(_problem, error.errors(include_url=False, include_context=False)))
    return str(error) if isinstance(error, ValueError | ConfigurationError) else f"{type(error).__name__}: {error}"


def _problem(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    told = f"{problem['msg']} (got {shown(problem['input'], SHOWN_LENGTH)})"
    return f"{where}: {told}" if where else told
