"""Words of the command line as values: JSON, or text where they aren't. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from penstock.culprit import MAX_DEPTH
from penstock.errors import BadArgument

__all__ = ["json_or_text", "json_values", "keywords"]

WIDEST = 2**63  # what the API server keeps of whole numbers
NO_NUMBERS = ("NaN", "Infinity", "-Infinity")


def json_or_text(word: str, where: str) -> object:
    """The value of a word. Raises BadArgument, which begins with `where`, for what neither JSON nor text can carry."""
    _refuse_bytes(word, where)
    if word in NO_NUMBERS:
        raise BadArgument(f"{where}: {word} isn't JSON; for text, quote it: '\"{word}\"'")
    try:
        value = json.loads(word, parse_constant=_refuse_constant, parse_int=_whole, parse_float=_number)
    except RecursionError:
        raise BadArgument(f"{where} is nested deeper than {MAX_DEPTH} levels: make it flatter") from None
    except json.JSONDecodeError:
        return word
    except ValueError as error:
        raise BadArgument(f"{where}: {error}") from None
    if _deeper(value, MAX_DEPTH):
        raise BadArgument(f"{where} is nested deeper than {MAX_DEPTH} levels: make it flatter")
    return value


def json_values(words: Iterable[str]) -> list[object]:
    """The values of a call's positional words."""
    return [json_or_text(word, f"argument {number}") for number, word in enumerate(words, 1)]


def keywords(text: str) -> dict[str, object]:
    """What --kwargs means. Raises BadArgument."""
    found = json_or_text(text, "--kwargs")
    if not isinstance(found, dict):
        raise BadArgument(f'--kwargs {text!r}: give a JSON object, such as \'{{"locale": "en"}}\'')
    return found


def _refuse_bytes(word: str, where: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise BadArgument(f"{where}: {word!r} isn't UTF-8; send bytes as base64") from None
    if "\0" in word:
        raise BadArgument(f"{where}: {word!r} has a NUL character; send bytes as base64")


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} isn't JSON; use null, or text such as '\"{word}\"'")


def _whole(digits: str) -> int:
    if len(digits) > len(str(WIDEST)) + 1 or not -WIDEST <= int(digits) < WIDEST:
        raise ValueError(f"{_short(digits)} has more than 64 bits; send it as text: '\"{_short(digits)}\"'")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{_short(digits)} is too large for a number; send it as text")
    return value


def _short(digits: str) -> str:
    return digits if len(digits) <= 40 else f"{digits[:20]}…"


def _deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels <= 0 or any(_deeper(one, levels - 1) for one in inner)
