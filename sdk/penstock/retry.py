"""When the next attempt starts: exponential backoff with full jitter, after Brooker,
"Exponential Backoff And Jitter" (AWS Architecture Blog, 2015)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Protocol

from msgspec import Meta, Struct, structs

from penstock import limits
from penstock.bounds import HORIZON_SECONDS, WireSeconds, refused
from penstock.real import real

__all__ = ["Retry", "RetryPolicy", "Snooze", "checked_policy", "wished"]


class Retry(Exception):
    """Raised by a task to be tried again after `delay`: seconds or a timedelta, up to ten years (None: by its backoff).
    It counts as an attempt. Raises ValueError for any other delay."""

    delay: float | None = None  # for subclasses that don't call this __init__

    def __init__(self, delay: float | timedelta | None = None, reason: str = "the task asked for a retry") -> None:
        super().__init__(reason)
        self.delay = None if delay is None else _seconds("Retry", delay)


class Snooze(Exception):
    """Raised by a task that can't do its work yet: it is run again after `delay`, seconds or a timedelta, up to ten
    years, and this start of it costs no attempt. Only its deadline ends that. Raises ValueError for any other delay."""

    delay: float

    def __init__(self, delay: float | timedelta, reason: str = "the task snoozes") -> None:
        super().__init__(reason)
        self.delay = _seconds("Snooze", delay)


def wished(error: Retry | Snooze) -> float | None:
    """The seconds that it asks for; None: by the backoff. Raises ValueError if that is no delay: a subclass may have
    set anything, or nothing."""
    delay: object = getattr(error, "delay", None)
    if delay is None and isinstance(error, Retry):
        return None
    name = type(error).__name__
    if delay is None:
        raise ValueError(f"{name} has no delay: call super().__init__(delay) in its __init__")
    return _seconds(name, delay)


def _seconds(name: str, delay: object) -> float:
    """The delay as seconds."""
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else real(delay)
    if not 0 <= seconds <= HORIZON_SECONDS:
        raise ValueError(f"{name}(delay={delay!r}): use seconds from 0 to {HORIZON_SECONDS:.0f}, or a timedelta")
    return seconds


class Pause(Protocol):
    """A resource's backoff, however it was read."""

    @property
    def initial_seconds(self) -> float: ...
    @property
    def factor(self) -> float: ...
    @property
    def max_seconds(self) -> float: ...
    @property
    def jitter(self) -> bool: ...


class Specified(Protocol):
    """A resource's retry policy, however it was read."""

    @property
    def max_attempts(self) -> int: ...
    @property
    def backoff(self) -> Pause: ...


class RetryPolicy(Struct, frozen=True, omit_defaults=True):
    """How often and how soon. Seconds; `max_attempts` counts starts of the function, the first one included."""

    max_attempts: Annotated[int, Meta(ge=1)] = 3
    initial: WireSeconds = 1.0
    factor: Annotated[float, Meta(ge=1, le=1e11)] = 2.0
    maximum: WireSeconds = 300.0
    jitter: bool = True

    def with_attempts(self, most: int) -> RetryPolicy:
        """The same with so many."""
        return structs.replace(self, max_attempts=most)

    def exhausted(self, attempts: int) -> bool:
        """Whether `attempts` starts were all there are."""
        return attempts >= self.max_attempts

    def delay(self, attempts: int, random: Callable[[], float]) -> float:
        """Seconds to wait after the failure of attempt number `attempts` (≥ 1); `random` gives [0, 1)."""
        try:
            ceiling = min(self.maximum, self.initial * self.factor ** (attempts - 1))
        except OverflowError:  # a float ends at 1e308; the maximum was reached long before
            ceiling = self.maximum if self.initial else 0.0
        if not 0 <= ceiling <= HORIZON_SECONDS:  # infinite, or no number at all
            ceiling = HORIZON_SECONDS
        return ceiling * random() if self.jitter else ceiling

    @classmethod
    def of(cls, spec: Specified) -> RetryPolicy:
        """What a resource's policy says; the inverse of `spec`."""
        pause = spec.backoff
        return cls(spec.max_attempts, pause.initial_seconds, pause.factor, pause.max_seconds, pause.jitter)

    def spec(self) -> dict[str, object]:
        """The same as a Task's spec.retry says it."""
        backoff = {
            "initialSeconds": self.initial,
            "factor": self.factor,
            "maxSeconds": self.maximum,
            "jitter": self.jitter,
        }
        return {"maxAttempts": self.max_attempts, "backoff": backoff}


def checked_policy(where: str, policy: object) -> RetryPolicy:
    """The policy with its numbers as Penstock keeps them. Raises ConfigurationError, which names `retry` and its field.

    Not where it is made: policies also come out of messages, and what is wrong there is no caller's mistake."""
    if not isinstance(policy, RetryPolicy):
        example = f"RetryPolicy(max_attempts={policy if type(policy) is int else 3})"
        raise refused(where, "retry", policy, f"use a RetryPolicy, such as {example}")
    checked = limits.checked_struct(f"{where}(retry=…): RetryPolicy", limits.RETRY, policy)
    if checked.maximum < checked.initial:
        raise refused(where, "retry", policy, "use initial ≥ 0, factor ≥ 1 and maximum ≥ initial")
    return checked
