"""How workers work: one table of settings. Each has a flag of `penstock worker`, an environment variable, a default, a
check and a help text; an app may bring its own values. A flag beats the environment, which beats the app."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypedDict, TypeVar

from penstock.environment import names
from penstock.errors import ConfigurationError
from penstock.keys import checked_queue
from penstock.limits import NAME_LENGTH
from penstock.resources.limits import MAX_CONCURRENCY, MAX_DRAIN_SECONDS

__all__ = ["LEVELS", "TABLE", "RunFields", "Setting", "WorkFields", "WorkerSettings", "chosen", "from_environment"]

T = TypeVar("T")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LAST_PORT = 65_535


class Check(Protocol):
    """What a setting's value must be."""

    def read(self, text: str) -> object:
        """The value that a flag or a variable means. Raises ValueError where it means none."""

    def remedy(self, value: object) -> str:
        """What to use instead of this value; nothing where it is right."""


@dataclass(frozen=True, slots=True)
class Number:
    """Between two bounds; `whole` or not."""

    least: int
    most: int
    whole: bool = True

    def read(self, text: str) -> object:
        """See Check."""
        return int(text) if self.whole else float(text)

    def remedy(self, value: object) -> str:
        """See Check."""
        kind = "whole number" if self.whole else "number"
        return "" if self._fits(value) else f"use a {kind} from {self.least:,} to {self.most:,}"

    def _fits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.least <= value <= self.most  # NaN isn't between any


@dataclass(frozen=True, slots=True)
class Level:
    """How much is logged."""

    def read(self, text: str) -> object:
        """See Check."""
        return text.upper()

    def remedy(self, value: object) -> str:
        """See Check."""
        return "" if value in LEVELS else f"use one of {', '.join(LEVELS)}"


@dataclass(frozen=True, slots=True)
class Word:
    """A name without spaces, or none."""

    def read(self, text: str) -> object:
        """See Check."""
        return text

    def remedy(self, value: object) -> str:
        """See Check."""
        fits = isinstance(value, str) and value.isprintable() and re.fullmatch(rf"\S{{0,{NAME_LENGTH}}}", value)
        return "" if fits else f"use up to {NAME_LENGTH} printable characters without spaces"


@dataclass(frozen=True, slots=True)
class Queues:
    """Names of queues."""

    def read(self, text: str) -> object:
        """See Check."""
        return names(text)

    def remedy(self, value: object) -> str:
        """See Check."""
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
            return "use a list of the queues' names"
        try:
            return "" if len({checked_queue(one) for one in value}) == len(value) else "name each queue once"
        except ConfigurationError as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table."""

    name: str
    flag: str
    variable: str
    default: str
    check: Check
    help: str

    def read(self, text: str) -> object:
        """The value that `text` means. Raises ValueError that says what to use."""
        try:
            value = self.check.read(text.strip())
        except ValueError:
            value = None
        if remedy := self.check.remedy(value):
            raise ValueError(remedy)
        return value


def _setting(default: T, check: Check, help: str, *, said: str = "", flag: str = "", variable: str = "") -> T:
    """A field with its row. `said`: the default as people are told it."""
    row = {"check": check, "help": help, "said": said, "flag": flag, "variable": variable}
    found: T = field(default=default, metadata=row)
    return found


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How an app's workers work, where neither a flag nor the environment says otherwise:
    `Penstock("shop", worker=WorkerSettings(concurrency=8))`. Raises ConfigurationError that names the setting."""

    queues: Sequence[str] = _setting(
        (), Queues(), "the queues to serve, in the order of their precedence", said="the app's own"
    )
    concurrency: int = _setting(16, Number(1, MAX_CONCURRENCY), "tasks at a time, in each process")
    drain_seconds: float = _setting(
        30.0, Number(0, MAX_DRAIN_SECONDS, whole=False), "how long running tasks may go on after SIGTERM"
    )
    lease_seconds: float = _setting(
        15.0, Number(1, 3_600, whole=False), "after this time without a sign, others run a worker's tasks"
    )
    processes: int = _setting(1, Number(1, 256), "worker processes, each with its own concurrency")
    max_tasks: int = _setting(0, Number(0, 10**12), "replace a process after so many tasks; 0: never")
    max_memory_mib: int = _setting(
        0, Number(0, 2**30), "replace a process once it holds so many MiB; 0: never", flag="--max-memory"
    )
    name: str = _setting("", Word(), "what tasks show as their worker", said="the host's", variable="PENSTOCK_WORKER")
    health_port: int = _setting(
        0,
        Number(0, LAST_PORT),
        "where /healthz, /readyz and /metrics are answered; several processes have the ports after it; 0: nowhere",
        flag="--port",
    )
    log_level: str = _setting("INFO", Level(), f"what is logged: {', '.join(LEVELS)}")

    def __post_init__(self) -> None:
        for row in TABLE:
            value = getattr(self, row.name)
            if remedy := row.check.remedy(value):
                raise ConfigurationError(f"{row.name}={value!r}: {remedy}")
        if self.health_port and (last := self.port(self.processes - 1)) > LAST_PORT:
            raise ConfigurationError(
                f"health_port={self.health_port}: {self.processes} processes have the ports after it, up to {last}; "
                f"use one of at most {self.health_port - (last - LAST_PORT)}"
            )

    @property
    def supervises(self) -> bool:
        """Whether a process with these only looks after others: several, or such as are replaced from time to time."""
        return self.processes > 1 or bool(self.max_tasks or self.max_memory_mib)

    def port(self, place: int | None) -> int:
        """Where a process answers probes: the supervisor, or a lone worker (None), at the port itself."""
        return self.health_port if place is None or not self.health_port else self.health_port + 1 + place


def _row(name: str, default: object, row: Mapping[str, Any]) -> Setting:
    flag = row["flag"] or f"--{name.replace('_', '-')}"
    variable = row["variable"] or f"PENSTOCK_{name.upper()}"
    said = row["said"] or (f"{default:g}" if isinstance(default, float) else str(default))
    return Setting(name, flag, variable, said, row["check"], row["help"])


TABLE: tuple[Setting, ...] = tuple(_row(one.name, one.default, one.metadata) for one in fields(WorkerSettings))


class WorkFields(TypedDict, total=False):
    """What `app.worker(…)` takes: WorkerSettings that concern a worker inside another program."""

    queues: Sequence[str]
    concurrency: int
    drain_seconds: float
    lease_seconds: float
    name: str


class RunFields(WorkFields, total=False):
    """What `app.run_worker(…)` takes: all WorkerSettings."""

    processes: int
    max_tasks: int
    max_memory_mib: int
    health_port: int
    log_level: str


def from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What the variables say; an empty one says nothing. Raises ConfigurationError that names the variable."""
    return {row.name: _read(row, text) for row in TABLE if (text := environment.get(row.variable, "").strip())}


def _read(row: Setting, text: str) -> object:
    try:
        return row.read(text)
    except ValueError as error:
        raise ConfigurationError(f"{row.variable}={text!r}: {error}") from None


def chosen(own: WorkerSettings, said: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> WorkerSettings:
    """An app's `own` settings, save for what the environment says, save for what was `said` in the call or by flags."""
    return replace(own, **{**from_environment(environment), **said})
