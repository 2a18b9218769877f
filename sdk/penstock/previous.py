"""`previous`: stands in a call's arguments for what the call before it returns, which nobody knows yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.errors import ConfigurationError

__all__ = ["place_of_previous", "previous", "without_previous"]


class _Previous:
    """Stands in a call's arguments for what the call before it returns."""

    def __repr__(self) -> str:
        return "previous"


previous: Final[Any] = _Previous()


def place_of_previous(args: Sequence[object], kwargs: Mapping[str, object]) -> int | str | None:
    """Where it stands: a position or a name; None: nowhere. Raises ConfigurationError if it stands in two places."""
    found: list[int | str] = [place for place, value in enumerate(args) if value is previous]
    found += [name for name, value in kwargs.items() if value is previous]
    if len(found) > 1:
        raise ConfigurationError(f"`previous` stands in {len(found)} arguments of one call: use it once")
    return found[0] if found else None


def without_previous(
    args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[Sequence[object], Mapping[str, object]]:
    """The same arguments with None in its place."""
    return (
        [None if value is previous else value for value in args],
        {name: None if value is previous else value for name, value in kwargs.items()},
    )
