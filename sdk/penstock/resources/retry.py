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
    """Each pause is longer than the one before by this factor. 1: all pauses are equal."""
    max_seconds: Seconds = 300
    """Upper bound of the pause."""
    jitter: bool = True
    """true: each pause has a random length between zero and its full length. This spreads retries over time."""


class RetryPolicy(Model):
    """How often a task is tried, and the pauses between attempts."""

    max_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """Total number of attempts. 1: no retry."""
    backoff: Backoff = Backoff()
