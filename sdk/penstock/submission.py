"""A call on its way to the broker or the API server: what was asked for, as an envelope or as a Task resource."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol, TypeVar, get_args

import msgspec

from penstock import codec
from penstock.broker.messages import Lease
from penstock.definition import Definition, problems
from penstock.envelope import Envelope, Unique
from penstock.errors import ConfigurationError
from penstock.flow import Flow, FlowSubmitter
from penstock.handle import Handle
from penstock.keys import Priority, checked_queue, task_id
from penstock.links import Links, spliced
from penstock.previous import place_of_previous, without_previous
from penstock.retry import RetryPolicy
from penstock.sealing import PayloadCodec

__all__ = ["CallOptions", "Signature", "Submitter"]

R = TypeVar("R")
S = TypeVar("S")
Scope = Literal["started", "finished", "expired"]
KEY_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What one call asks for beyond its arguments; None leaves it to the task, the queue or the default. Seconds."""

    queue: str | None = None
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
    until: Scope = "finished"
    key_ttl: float = 604_800.0
    keep_on_failure: bool = False
    concurrency_key: str | None = None
    resource: bool | str = False
    child: bool = False
    debounce: float | None = None

    def __post_init__(self) -> None:
        if self.queue is not None:
            checked_queue(self.queue)
        for problem in self._problems():
            raise ConfigurationError(f"options({problem}")

    def _problems(self) -> list[str]:
        limits = {"timeout": self.timeout, "deadline": self.deadline, "result_ttl": self.result_ttl}
        limits |= {"expires": self.expires, "key_ttl": self.key_ttl}
        found = problems(self.priority, self.retry, **limits)
        if self.delay is not None and self.delay < 0:
            found.append(f"delay={self.delay!r}): use 0 or more seconds")
        if self.debounce is not None:
            found += self._debounce_problems(self.debounce)
        if self.delay is not None and self.at is not None:
            found.append("delay=…, at=…): they exclude each other, keep one")
        if self.at is not None and self.at.tzinfo is None:
            found.append(f"at={self.at!r}): give it a time zone, such as at.replace(tzinfo=UTC)")
        if self.max_attempts is not None and self.max_attempts < 1:
            found.append(f"max_attempts={self.max_attempts!r}): use 1 (no retry) or more")
        if self.until not in get_args(Scope):
            found.append(f"until={self.until!r}): use one of {', '.join(get_args(Scope))}")
        for name, key in (("key", self.key), ("concurrency_key", self.concurrency_key)):
            if key is not None and not (0 < len(key) <= KEY_LENGTH and key.isprintable()):
                found.append(f"{name}={key!r}): use 1 to {KEY_LENGTH} printable characters")
        return found

    def _debounce_problems(self, debounce: float) -> list[str]:
        found = []
        if debounce <= 0:
            found.append(f"debounce={debounce!r}): use more than 0 seconds")
        if self.key is None:
            found.append("debounce=…): say with key= which calls are the same")
        if self.delay is not None or self.at is not None:
            found.append("debounce=…, delay=… or at=…): debounce is a delay, keep one")
        return found

    @property
    def unique(self) -> Unique | None:
        """The idempotency key as it travels. A debounced call can be changed until it has started."""
        if self.key is None:
            return None
        until = self.until if self.debounce is None else "started"
        return Unique(self.key, until, self.key_ttl, self.keep_on_failure)


class Submitter(FlowSubmitter, Protocol):
    """What a task needs of its app."""

    @property
    def codec(self) -> PayloadCodec | None:
        """What seals arguments."""

    async def submit(self, call: Signature[S]) -> Handle[S]:
        """Submit from async code."""

    def submit_sync(self, call: Signature[S]) -> Handle[S]:
        """Submit from sync code."""

    def submit_blocking(self, call: Signature[S]) -> Handle[S]:
        """Submit from sync code, also where an event loop runs."""


@dataclass(frozen=True)
class Signature(Flow[R]):
    """A call that wasn't made yet: the task, its checked arguments and its options."""

    definition: Definition
    args: tuple[object, ...]
    kwargs: dict[str, object]
    options: CallOptions
    app: Submitter
    parent: Lease | None = None  # whose child it will be

    def __post_init__(self) -> None:
        self.definition.arguments.check(self.args, self.kwargs)

    @property
    def queue(self) -> str:
        """Where it will wait."""
        return self.options.queue or self.definition.options.queue

    @property
    def submitter(self) -> Submitter:
        """See Flow."""
        return self.app

    @property
    def place(self) -> int | str | None:
        """The argument for which `previous` stands."""
        return place_of_previous(self.args, self.kwargs)

    def envelope(
        self,
        now: float,
        traceparent: str | None,
        *,
        id: str | None = None,
        links: Links | None = None,
        inputs: Mapping[int, bytes] | None = None,
    ) -> Envelope:
        """The message for the broker. `inputs`: what `previous` stands for, if that is known already."""
        options, seal = self.options, self.app.codec
        place = self.place if self.args or self.kwargs else None
        if place is not None and links is None:
            raise ConfigurationError(f"{self.definition.name}: `previous` in its arguments, and no call before it")
        payload = codec.encode_call(self.args, self.kwargs) if place is None else self._payload(links, inputs)
        not_before = options.at.timestamp() if options.at else None
        if delay := options.delay or options.debounce:
            not_before = now + delay
        expires = options.expires or self.definition.options.expires
        return Envelope(
            id=id or task_id(self.queue, os.urandom(12).hex()),
            task=self.definition.name,
            queue=self.queue,
            payload=payload if seal is None else seal.encode(payload),
            codec=seal.name if seal else "",
            priority=options.priority or self.definition.options.priority,
            created_at=now,
            not_before=not_before,
            timeout=options.timeout,
            deadline=now + options.deadline if options.deadline else None,
            retry=self.retry(),
            result_ttl=options.result_ttl,
            expires_at=None if expires is None else (not_before or now) + expires,
            key=options.concurrency_key,
            unique=None if options.key is None else self._unique,
            traceparent=traceparent,
            shape=self.definition.arguments.shape if self.args or self.kwargs else "",
            links=links,
        )

    def _payload(self, links: Links | None, inputs: Mapping[int, bytes] | None) -> bytes:
        payload = codec.encode_call(*without_previous(self.args, self.kwargs))
        return payload if links is None or inputs is None else spliced(payload, links, inputs)

    @property
    def _unique(self) -> Unique | None:
        """The task's own: two tasks of one queue may use the same keys."""
        unique = self.options.unique
        return unique and msgspec.structs.replace(unique, key=f"{self.definition.name}:{unique.key}")

    def retry(self) -> RetryPolicy | None:
        """The call's own retry policy, if it asks for one."""
        asked, declared = self.options, self.definition.options.retry or RetryPolicy()
        if asked.max_attempts is None:
            return asked.retry
        return (asked.retry or declared).with_attempts(asked.max_attempts)

    def with_options(self, options: CallOptions) -> Signature[R]:
        """The same call with other options."""
        return replace(self, options=options)

    async def enqueue(self) -> Handle[R]:
        """Submit the call."""
        return await self.app.submit(self)

    def enqueue_sync(self) -> Handle[R]:
        """Submit the call from sync code."""
        return self.app.submit_sync(self)

    def enqueue_blocking(self) -> Handle[R]:
        """Submit the call from sync code, also where an event loop runs, which stands still meanwhile."""
        return self.app.submit_blocking(self)
