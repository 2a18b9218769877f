"""The Redis Functions library: its source, its name and calling it. The Lua stands in `lua/`, one concern a file.

The name carries a hash of the source, so that different versions of Penstock share a Redis without a clash.
Calling needs FCALL alone, and a Redis that has lost the library (restart without persistence) gets it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

__all__ = ["FUNCTIONS", "Command", "fcall", "function_name", "library_source", "missing_group", "missing_library"]

_PARTS = (
    "shared",
    "gate",
    "send",
    "dead",
    "claim",
    "item",
    "settle",
    "steer",
    "link",
    "batch",
    "attend",
    "depth",
    "lead",
)
FUNCTIONS = (
    *("send", "broadcast", "claim", "unclaim", "reclaim", "relinquish", "renew", "note", "settle"),
    *("promote", "unpark", "cancel", "withdraw", "named", "watch", "clear", "exhume", "tidy", "configure"),
    *("supply", "expect", "adopt", "take_ended", "revise"),
    *("tend", "look", "send_items", "recall_items", "cancel_items", "retry_items", "forget_batch"),
    *("attend", "cordon", "depth", "doze"),
    *("led", "led_send"),
)
# A full Redis must still settle, cancel and hand back, or it could never drain; only sending is refused.
REFUSED_WHEN_FULL = {"send", "broadcast", "send_items", "led_send"}
READS = {"depth", "named"}  # also where Redis can't write

Command = tuple[str | bytes | int | float, ...]


@cache
def _body() -> str:
    folder = files("penstock.broker.streams") / "lua"
    return "\n".join((folder / f"{part}.lua").read_text() for part in _PARTS)


@cache
def _version() -> str:
    return hashlib.sha256(_body().encode()).hexdigest()[:10]


@cache
def function_name(function: str) -> str:
    """The name that Redis knows a function by."""
    return f"penstock_{_version()}_{function}"


def _registration(function: str) -> str:
    flag = "no-writes" if function in READS else "allow-oom"
    flags = "" if function in REFUSED_WHEN_FULL else f", flags = {{'{flag}'}}"
    return f"redis.register_function{{function_name = '{function_name(function)}', callback = {function}{flags}}}"


@cache
def library_source() -> str:
    """What FUNCTION LOAD takes."""
    registrations = "\n".join(_registration(function) for function in FUNCTIONS)
    return f"#!lua name=penstock_{_version()}\n{_body()}\n{registrations}\n"


def missing_library(error: Exception) -> bool:
    """Whether Redis says that it doesn't have the library."""
    return "Function not found" in str(error)


def missing_group(error: Exception) -> bool:
    """Whether Redis says that the queue's consumer groups don't exist (yet, or any more)."""
    return "NOGROUP" in str(error) or "requires the key to exist" in str(error)


def fcall(function: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]) -> Command:
    """The command that calls `function`."""
    return ("FCALL", function_name(function), len(keys), *keys, *args)
