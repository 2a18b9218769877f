"""The kinds of limits: what a length of time, a number, a text, a name may be. Each checks a value, and says in words
what it takes. Which option has which limit stands in `limits`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from numbers import Integral, Rational, Real
from typing import Annotated, Protocol

from msgspec import Meta

from penstock.errors import ConfigurationError
from penstock.shown import shown

__all__ = [
    "HORIZON_SECONDS",
    "Choice",
    "Flag",
    "Limit",
    "Name",
    "Number",
    "Seconds",
    "Span",
    "Text",
    "WireSeconds",
    "refused",
]

HORIZON_SECONDS = 3650 * 86_400.0  # ten years: nothing is asked for that is later or lasts longer
SHOWN_LENGTH = 300
# What a decoder takes: no NaN, no infinity, nothing negative. Times end in the year 5138, spans after 3,000 years.
WireSeconds = Annotated[float, Meta(ge=0, le=1e11)]


class Limit(Protocol):
    """What one option may be."""

    @property
    def told(self) -> str:
        """The same in words, as they follow "use …"."""

    def checked(self, where: str, name: str, value: object) -> object:
        """The value as Penstock keeps it. Raises ConfigurationError, which names the option and the remedy."""


def refused(where: str, name: str, value: object, remedy: str) -> ConfigurationError:
    """The error for an option that can't be: `options(timeout=0): use more than 0 seconds`."""
    return ConfigurationError(f"{where}({name}={shown(value, SHOWN_LENGTH)}): {remedy}")


@dataclass(frozen=True)
class Seconds:
    """A length of time. `endless`: it bounds something, so that more than the horizon, infinity too, is the horizon."""

    above: bool = True  # more than 0
    endless: bool = False

    @property
    def told(self) -> str:
        """See Limit."""
        least = "more than 0 seconds" if self.above else "0 or more seconds"
        years = f"{HORIZON_SECONDS:,.0f} seconds (10 years)"
        return f"{least}; more than {years} counts as that" if self.endless else f"{least}, at most {years}"

    def checked(self, where: str, name: str, value: object) -> float:
        """See Limit."""
        seconds = _seconds(where, name, value)
        if self.endless and seconds > HORIZON_SECONDS:
            return HORIZON_SECONDS
        if not 0 <= seconds <= HORIZON_SECONDS or (self.above and not seconds):
            raise refused(where, name, value, f"use {self.told}")
        return int(value) if isinstance(value, int) else seconds  # as it was written: messages show it


@dataclass(frozen=True)
class Span:
    """A length of time between two bounds, in seconds."""

    least: int
    most: int

    @property
    def told(self) -> str:
        """See Limit."""
        return f"{self.least} to {self.most:,} seconds"

    def checked(self, where: str, name: str, value: object) -> float:
        """See Limit."""
        seconds = _seconds(where, name, value)
        if not self.least <= seconds <= self.most:
            raise refused(where, name, value, f"use {self.told}")
        return seconds


@dataclass(frozen=True)
class Number:
    """A number that is no time, whole or not."""

    least: int
    most: int
    whole: bool = True
    note: str = ""  # what the least means

    @property
    def told(self) -> str:
        """See Limit."""
        if self.note:
            return f"{self.least} ({self.note}) or more, at most {self.most:,}"
        return f"{self._kind} from {self.least} to {self.most:,}"

    @property
    def _kind(self) -> str:
        return "a whole number" if self.whole else "a number"

    def checked(self, where: str, name: str, value: object) -> float:
        """See Limit."""
        kinds = Integral if self.whole else Real | Decimal
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise refused(where, name, value, f"use {self._kind}, not {_kind(value)}")
        number = int(value) if isinstance(value, Integral) else _float(value)
        if not self.least <= number <= self.most:
            raise refused(where, name, value, f"use {self.told}")
        return number


@dataclass(frozen=True)
class Text:
    """Printable text: no control characters, no line breaks."""

    most: int

    @property
    def told(self) -> str:
        """See Limit."""
        return f"1 to {self.most} printable characters"

    def checked(self, where: str, name: str, value: object) -> str:
        """See Limit."""
        if not isinstance(value, str):
            raise refused(
                where, name, value, f"use a str, such as str({shown(value, SHOWN_LENGTH)}), not {_kind(value)}"
            )
        if not (0 < len(value) <= self.most and value.isprintable()):
            raise refused(where, name, value, f"use {self.told}")
        return value


@dataclass(frozen=True)
class Name:
    """Text of few characters, because it becomes part of a key, an id or a resource."""

    pattern: str
    told: str
    most: int

    @cached_property
    def _matches(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def fits(self, value: object) -> bool:
        """Whether it may be one."""
        return isinstance(value, str) and len(value) <= self.most and self._matches.fullmatch(value) is not None

    def checked(self, where: str, name: str, value: object) -> str:
        """See Limit."""
        if not isinstance(value, str):
            raise refused(where, name, value, f"use a str, not {_kind(value)}")
        if not self.fits(value):
            raise refused(where, name, value, f"use {self.told}")
        return value


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def told(self) -> str:
        """See Limit."""
        return f"one of {', '.join(self.words)}"

    def checked(self, where: str, name: str, value: object) -> str:
        """See Limit."""
        if not isinstance(value, str) or value not in self.words:
            raise refused(where, name, value, f"use {self.told}")
        return value


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    told: str = "True or False"

    def checked(self, where: str, name: str, value: object) -> bool:
        """See Limit."""
        if not isinstance(value, bool):
            raise refused(where, name, value, f"use {self.told}")
        return value


def _seconds(where: str, name: str, value: object) -> float:
    given = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(given, bool) or not isinstance(given, Real | Decimal):
        raise refused(where, name, value, f"use a number of seconds or a timedelta, not {_kind(value)}")
    return _float(given)


def _kind(value: object) -> str:
    return type(value).__qualname__


def _float(value: Real | Decimal) -> float:
    """As a float; what is beyond floats is infinite, and what is no number NaN."""
    try:
        return float(value)
    except OverflowError:
        return -math.inf if isinstance(value, Rational) and value < 0 else math.inf  # only they may be so large
    except ValueError:
        return math.nan
