"""JSON that is nested deeper than a decoder goes. The API server takes 10,000 levels, which anybody may write; msgspec
and Python's own decoder end with a RecursionError. One such object mustn't hide those that are listed with it."""

from __future__ import annotations

import re
import secrets
from typing import TypeVar

from msgspec.json import Decoder

__all__ = ["CUT", "MOST_LEVELS", "decode_shallow", "shallow"]

T = TypeVar("T")
# Arguments and results have 100; an object, its page and the fields' owners add a few. msgspec ends below 1,000.
MOST_LEVELS = 250
CUT = b'"cut off %b"' % secrets.token_hex(8).encode()
"""Stands where something deeper was. No object can hold it by itself: it is another in each process."""
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]')


def decode_shallow(decoder: Decoder[T], body: bytes) -> T:
    """What the decoder makes of it; of what is too deep for it, what is left of that."""
    try:
        return decoder.decode(body)
    except RecursionError:
        return decoder.decode(shallow(body))


def shallow(body: bytes, most: int = MOST_LEVELS) -> bytes:
    """The same JSON, in which CUT stands for each list and object below `most` levels."""
    kept, depth, start = list[bytes](), 0, 0
    for token in _TOKENS.finditer(body):
        at = token.start()
        match body[at : at + 1]:
            case b"[" | b"{":
                depth += 1
                if depth == most + 1:
                    kept += (body[start:at], CUT)
            case b"]" | b"}":
                if depth == most + 1:
                    start = token.end()
                depth -= 1
    return b"".join((*kept, body[start:]))
