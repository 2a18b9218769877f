"""Somebody else's values in our messages."""

from __future__ import annotations

__all__ = ["shown"]


def shown(value: object, most: int) -> str:
    """Its repr, cut to so many characters. A repr that fails, or a value that is nested too deeply, mustn't take the
    message with it."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= most else f"{text[:most]}…"
