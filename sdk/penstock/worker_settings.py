"""How workers work: one table of settings. Each has a flag of `penstock worker`, an environment variable, a default, a
check and a help text; an app may bring its own values. A flag beats the environment, which beats the app."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, TypedDict, TypeVar, Unpack

from penstock import limits
from penstock.bounds import Choice, Limit, Name, Number, Span, refused
from penstock.environment import names
from penstock.errors import ConfigurationError
from penstock.resources.limits import MAX_CONCURRENCY, MAX_DRAIN_SECONDS

__all__ = ["LEVELS", "TABLE", "RunFields", "Setting", "WorkFields", "WorkerSettings", "chosen", "from_environment"]

T = TypeVar("T")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LAST_PORT = 65_535
NAME = Name(  # printable, without spaces
    r"[\w!-/:-@\[-`{-~]*", f"up to {limits.NAME_LENGTH} printable characters without spaces", limits.NAME_LENGTH
)


@dataclass(frozen=True, slots=True)
class Queues:
    """Names of queues."""

    told: str = f"the queues' names, each once; a name has {limits.QUEUE.told}"

    def checked(self, where: str, name: str, value: object) -> list[str]:
        """See Limit."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise refused(where, name, value, "use a list of the queues' names")
        found = [limits.QUEUE.checked(where, name, one) for one in value]
        if len(set(found)) < len(found):
            raise refused(where, name, value, "name each queue once")
        return found


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table. `parse` turns the text of a flag or a variable into a value, or raises ValueError."""

    name: str
    flag: str
    variable: str
    default: str
    limit: Limit
    parse: Callable[[str], object]
    help: str

    def read(self, text: str) -> object:
        """The value that `text` means. Raises ValueError that says what to use."""
        try:
            return self.limit.checked("worker", self.name, self.parse(text.strip()))
        except (ValueError, ConfigurationError):
            raise ValueError(f"use {self.limit.told}") from None


class _Row(TypedDict, total=False):
    """`said`: the default as people are told it."""

    said: str
    flag: str
    variable: str
    parse: Callable[[str], object]


def _setting(default: T, limit: Limit, help: str, **row: Unpack[_Row]) -> T:
    """A field with its row."""
    parse = names if default == () else type(default)
    found: T = field(default=default, metadata={"limit": limit, "help": help, "parse": parse, **row})
    return found


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How an app's workers work, where neither a flag nor the environment says otherwise:
    `Penstock("shop", worker=WorkerSettings(concurrency=8))`. Raises ConfigurationError that names the setting."""

    queues: Sequence[str] = _setting(
        (), Queues(), "the queues to serve, in the order of their precedence", said="the app's own"
    )
    concurrency: int = _setting(16, Number(1, MAX_CONCURRENCY), "tasks at a time, in each process")
    drain_seconds: float = _setting(30.0, Span(0, MAX_DRAIN_SECONDS), "how long running tasks may go on after SIGTERM")
    lease_seconds: float = _setting(15.0, Span(1, 3_600), "after this time without a sign, others run a worker's tasks")
    processes: int = _setting(1, Number(1, 256), "worker processes, each with its own concurrency")
    max_tasks: int = _setting(0, Number(0, 10**12), "replace a process after so many tasks; 0: never")
    max_memory_mib: int = _setting(
        0, Number(0, 2**30), "replace a process once it holds so many MiB; 0: never", flag="--max-memory"
    )
    name: str = _setting("", NAME, "what tasks show as their worker", said="the host's", variable="PENSTOCK_WORKER")
    health_port: int = _setting(
        0,
        Number(0, LAST_PORT),
        "where /healthz, /readyz and /metrics are answered; several processes have the ports after it; 0: nowhere",
        flag="--port",
    )
    log_level: str = _setting("INFO", Choice(LEVELS), f"what is logged: {', '.join(LEVELS)}", parse=str.upper)

    def __post_init__(self) -> None:
        for row in TABLE:
            value = row.limit.checked("WorkerSettings", row.name, getattr(self, row.name))
            object.__setattr__(self, row.name, value)  # a timedelta becomes seconds
        if self.health_port and (last := self.port(self.processes - 1)) > LAST_PORT:
            least = self.health_port - (last - LAST_PORT)
            taken = f"{self.processes} processes have the ports after it, up to {last}; use one of at most {least}"
            raise refused("WorkerSettings", "health_port", self.health_port, taken)

    @property
    def supervises(self) -> bool:
        """Whether a process with these only looks after others: several, or such as are replaced from time to time."""
        return self.processes > 1 or bool(self.max_tasks or self.max_memory_mib)

    def port(self, place: int | None) -> int:
        """Where a process answers probes: the supervisor, or a lone worker (None), at the port itself."""
        return self.health_port if place is None or not self.health_port else self.health_port + 1 + place


def _row(name: str, default: object, row: Mapping[str, Any]) -> Setting:
    flag = row.get("flag") or f"--{name.replace('_', '-')}"
    variable = row.get("variable") or f"PENSTOCK_{name.upper()}"
    said = row.get("said") or (f"{default:g}" if isinstance(default, float) else str(default))
    return Setting(name, flag, variable, said, row["limit"], row["parse"], row["help"])


TABLE: tuple[Setting, ...] = tuple(_row(one.name, one.default, one.metadata) for one in fields(WorkerSettings))


class WorkFields(TypedDict, total=False):
    """What `app.worker(…)` takes: WorkerSettings that concern a worker inside another program."""

    queues: Sequence[str]
    concurrency: int
    drain_seconds: float | timedelta
    lease_seconds: float | timedelta
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
