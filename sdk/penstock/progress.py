"""What a task says of itself while it runs. It mustn't fail the task: what can't be shown is left out, with the
reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock import codec
from penstock.real import real

__all__ = ["MOST_DATA_BYTES", "MOST_MESSAGE_CHARACTERS", "NOTHING_SAID", "Progress", "read"]

MOST_MESSAGE_CHARACTERS = 1024
MOST_DATA_BYTES = 4096
_ROUNDING = 1e-6  # a sum of floats ends a little beyond 100


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` is 0–100, `data` a JSON object or nothing."""

    percent: float | None = None
    message: str = ""
    data: bytes = b""

    @property
    def json(self) -> bytes:
        """As the broker keeps it."""
        told: dict[str, object] = {"percent": self.percent, "message": self.message}
        return msgspec.json.encode(told | {"data": msgspec.Raw(self.data)} if self.data else told)


NOTHING_SAID = Progress()


def read(percent: object, message: object, data: Mapping[str, object] | None) -> tuple[Progress, list[str]]:
    """What of it can be shown, and what is wrong with the rest."""
    problems: list[str] = []
    return Progress(_percent(percent, problems), _message(message, problems), _data(data, problems)), problems


def _percent(percent: object, problems: list[str]) -> float | None:
    if percent is None:
        return None
    number = real(percent)
    if -_ROUNDING <= number <= 100 + _ROUNDING:
        return min(100.0, max(0.0, number))
    problems.append(f"percent={_shown(percent)}: use a number from 0 to 100")
    return None


def _message(message: object, problems: list[str]) -> str:
    try:
        return codec.sendable(str(message))[:MOST_MESSAGE_CHARACTERS]
    except Exception:
        problems.append(f"message: the {type(message).__name__} can't be shown as text")
        return ""


def _data(data: Mapping[str, object] | None, problems: list[str]) -> bytes:
    if data is None:
        return b""
    try:
        encoded = codec.encode_value(dict(data))
    except Exception as error:
        problems.append(f"data: {error}")
        return b""
    if len(encoded) > MOST_DATA_BYTES:
        problems.append(f"data: it has {len(encoded)} bytes as JSON; use at most {MOST_DATA_BYTES}")
        return b""
    return encoded


def _shown(value: object) -> str:
    try:
        return repr(value)[:80]
    except Exception:  # another library's
        return f"a {type(value).__name__}"
