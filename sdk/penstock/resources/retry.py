"""When a failed attempt is tried again."""

from typing import Annotated

from pydantic import Field

from penstock.resources.model import Model, Rule, Seconds


class Backoff(Model):
    """The pause before attempt n + 1 is initialSeconds * factor ** (n - 1), at most maxSeconds (penstock.retry)."""

    rules = (
        Rule(
            "self.maxSeconds >= self.initialSeconds",
            "backoff.maxSeconds is below backoff.initialSeconds: raise maxSeconds (default 300) or lower it",
        ),
    )

    initial_seconds: Seconds = 1
    """Pause before the second attempt."""
    factor: Annotated[float, Field(ge=1, le=1000)] = 2
    """By what each pause is longer than the one before; 1 keeps it constant."""
    max_seconds: Seconds = 300
    """Upper bound of the pause."""
    jitter: bool = True
    """Whether each pause is drawn at random between zero and its length, so that failures don't come back together."""


class RetryPolicy(Model):
    """How often a task is tried, and how long between two attempts."""

    max_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """Starts of the function in all; 1 means no retry."""
    backoff: Backoff = Backoff()
