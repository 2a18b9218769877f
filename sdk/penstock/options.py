"""What one call asks for beyond its arguments, checked when it is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from penstock import limits
from penstock.bounds import HORIZON_SECONDS, refused
from penstock.envelope import KEY_SECONDS, Unique
from penstock.errors import ConfigurationError
from penstock.keys import Priority, resource_uid, task_id
from penstock.retry import RetryPolicy, checked_policy

__all__ = ["CallOptions", "Scope", "checked_moment", "moment"]

Scope = Literal["started", "finished", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What one call asks for beyond its arguments; None leaves it to the task, the queue or the default. Seconds."""

    queue: str | None = None
    id: str | None = None
    priority: Priority | None = None
    delay: float | None = None
    at: datetime | None = None
    timeout: float | None = None
    deadline: float | None = None
    retry: RetryPolicy | None = None
    max_attempts: int | None = None
    result_ttl: float | None = None
    expires: float | None = None
    key: str | None = None
    until: Scope | None = None
    key_ttl: float | None = None
    keep_on_failure: bool | None = None
    concurrency_key: str | None = None
    resource: bool | str = False
    child: bool = False
    debounce: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        for name, value in limits.checked_fields("options", limits.OPTIONS, given).items():
            object.__setattr__(self, name, value)
        if self.retry is not None:
            object.__setattr__(self, "retry", checked_policy("options", self.retry))
        if self.at is not None:
            checked_moment("options", self.at)
        if isinstance(self.resource, str):
            limits.RESOURCE_NAME.checked("options", "resource", self.resource)
        elif not isinstance(self.resource, bool):
            raise refused("options", "resource", self.resource, "use True, or the name of the Task as a str")
        for problem in self._contradictions():
            raise ConfigurationError(f"options({problem}")

    def _contradictions(self) -> Iterator[str]:
        if self.delay is not None and self.at is not None:
            yield "delay=…, at=…): they exclude each other, keep one"
        if self.debounce is not None and (self.delay is not None or self.at is not None):
            yield "debounce=…, delay=… or at=…): debounce is a delay, keep one"
        if self.key is None:
            if self.debounce is not None:
                yield "debounce=…): say with key= which calls are the same"
            for name in ("until", "key_ttl", "keep_on_failure"):
                if value := getattr(self, name):
                    yield f"{name}={value!r}): it is about key=, and there is none: add key=, or leave it out"
        if self.id is not None and resource_uid(task_id("any", self.id)):
            yield f"id={self.id!r}): ids of that form belong to Task resources; put a word before it"
        if self.id is not None and self.resource:
            yield f"id={self.id!r}, resource=…): the id of a Task resource is its name: use resource={self.id!r} alone"

    @property
    def timed(self) -> bool:
        """Whether it says when: moments count by the broker's clock."""
        return (self.delay or self.debounce or self.at or self.deadline or self.expires) is not None

    @property
    def unique(self) -> Unique | None:
        """The idempotency key as it travels. A debounced call can be changed until it has started."""
        if self.key is None:
            return None
        until = (self.until or "finished") if self.debounce is None else "started"
        return Unique(self.key, until, self.key_ttl or KEY_SECONDS, bool(self.keep_on_failure))


def checked_moment(where: str, at: object) -> None:
    """Raise ConfigurationError for what is no moment, or one without a time zone."""
    if not isinstance(at, datetime):
        raise refused(where, "at", at, f"use a datetime with a time zone, not {type(at).__qualname__}")
    if at.tzinfo is None or at.utcoffset() is None:
        raise refused(where, "at", at, "give it a time zone, such as at.replace(tzinfo=UTC)")


def moment(where: str, at: datetime, now: float) -> float:
    """Its seconds since the epoch. What is past is due now; beyond the horizon: ConfigurationError."""
    seconds = at.timestamp()
    if seconds > now + HORIZON_SECONDS:
        raise refused(where, "at", at, f"use a moment within {HORIZON_SECONDS:,.0f} seconds (10 years) from now")
    return max(seconds, 0.0)
