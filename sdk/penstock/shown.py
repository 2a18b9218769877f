"""Somebody else's values in our messages."""

from __future__ import annotations

__all__ = ["message_of", "one_line", "shown", "shown_error"]


def shown(value: object, most: int) -> str:
    """Its repr, cut to so many characters. A repr that fails, or a value that is nested too deeply, mustn't take the
    message with it."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__qualname__}>"
    return _cut(text, most)


def shown_error(error: BaseException, most: int) -> str:
    """Its class and message, cut to so many characters."""
    return _cut(f"{type(error).__name__}: {message_of(error)}", most)


def message_of(error: BaseException) -> str:
    """What an exception says. Its own __str__ may raise anything."""
    try:
        return str(error)
    except BaseException:
        return "(its message can't be shown)"


def one_line(text: str) -> str:
    """Somebody else's text where a line means something: line breaks, tabs and other control characters as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
