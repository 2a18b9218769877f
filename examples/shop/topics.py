"""The text corpus: the Python language reference, which every CPython brings along for `help()`."""

from __future__ import annotations

from pydoc_data.topics import topics

__all__ = ["names", "text"]


def names() -> list[str]:
    """All topics, in alphabetical order. Their number depends on the Python version; it is about 80."""
    return sorted(topics)


def text(name: str) -> str:
    """What the reference says of a topic."""
    if name not in topics:
        raise LookupError(f"the language reference has no topic {name!r}; it has lambda, import, with, …")
    return str(topics[name])
