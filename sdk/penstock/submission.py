"""A call on its way to the broker or the API server: what was asked for, as an envelope or as a Task resource."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec

from penstock.definition import Definition
from penstock.envelope import Envelope, Unique
from penstock.errors import BadArgument, ConfigurationError
from penstock.family import Parent
from penstock.flow import Flow, FlowSubmitter
from penstock.handle import Handle
from penstock.keys import task_id
from penstock.limits import PAYLOAD_BYTES, mib
from penstock.links import Later, Links
from penstock.options import CallOptions, Scope, moment
from penstock.previous import place_of_previous, without_previous
from penstock.retry import RetryPolicy
from penstock.sealing import PayloadCodec

__all__ = ["CallOptions", "Scope", "Signature", "Submitter"]

R = TypeVar("R")
S = TypeVar("S")
_NOT_FOR_BROADCASTS = ("id", "delay", "at", "key", "debounce", "resource", "child")


class Submitter(FlowSubmitter, Protocol):
    """What a task needs of its app."""

    @property
    def name(self) -> str:
        """The app's."""

    @property
    def codec(self) -> PayloadCodec | None:
        """What seals arguments."""

    async def submit(self, call: Signature[S]) -> Handle[S]:
        """Submit from async code."""

    def submit_sync(self, call: Signature[S]) -> Handle[S]:
        """Submit from sync code."""

    def submit_blocking(self, call: Signature[S]) -> Handle[S]:
        """Submit from sync code, also where an event loop runs."""


NO_TIMES = Later()


@dataclass(frozen=True)
class Signature(Flow[R]):
    """A call that wasn't made yet: the task, its checked arguments and its options."""

    definition: Definition
    args: tuple[object, ...]
    kwargs: dict[str, object]
    options: CallOptions
    app: Submitter
    parent: Parent | None = None  # whose child it will be

    def __post_init__(self) -> None:
        self.definition.arguments.check(self.args, self.kwargs)
        if self.definition.options.broadcast:
            self._check_broadcast()

    def _check_broadcast(self) -> None:
        """It is handed to the workers that live now: nothing waits, and nobody knows it again."""
        for name in _NOT_FOR_BROADCASTS:
            if (value := getattr(self.options, name)) not in (None, False):
                raise ConfigurationError(
                    f"{self.definition.name}: options({name}={value!r}) isn't for broadcast tasks, which every live "
                    "worker runs at once; leave it out"
                )

    @property
    def queue(self) -> str:
        """Where it will wait."""
        return self.options.queue or self.definition.options.queue

    @property
    def timed(self) -> bool:
        """Whether its message says when: by the broker's clock, wherever it is submitted."""
        return self.options.timed or self.definition.options.expires is not None

    @property
    def submitter(self) -> Submitter:
        """See Flow."""
        return self.app

    @property
    def place(self) -> int | str | None:
        """The argument for which `previous` stands."""
        return place_of_previous(self.args, self.kwargs)

    @property
    def later(self) -> Later | None:
        """Its times, in seconds from when it may start; None: it has none."""
        asked, expires = self.options, self.options.expires or self.definition.options.expires
        delay = asked.delay or asked.debounce
        if delay is None and expires is None and asked.deadline is None:  # most
            return None
        times = Later(delay=delay, expires=expires, deadline=asked.deadline)
        return None if times == NO_TIMES else times

    def envelope(
        self, now: float, traceparent: str | None, *, id: str | None = None, links: Links | None = None
    ) -> Envelope:
        """The message for the broker. The times of one that is to wait for others count from later on."""
        options = self.options
        place = self.place if self.args or self.kwargs else None
        if place is not None and links is None:
            raise ConfigurationError(f"{self.definition.name}: `previous` in its arguments, and no call before it")
        given = (self.args, self.kwargs) if place is None else without_previous(self.args, self.kwargs)
        plain = self.definition.arguments.encoded(*given)
        payload, seal = self._sealed(plain), self.app.codec
        not_before = moment("options", options.at, now) if options.at else None
        times = (self.later or NO_TIMES) if links is None or links.later is None else NO_TIMES
        if times.delay is not None:
            not_before = now + times.delay
        return Envelope(
            id=id or self._new_id(plain),
            task=self.definition.name,
            queue=self.queue,
            payload=payload,
            codec=seal.name if seal else "",
            priority=options.priority or self.definition.options.priority,
            created_at=now,
            not_before=not_before,
            timeout=options.timeout,
            deadline=None if times.deadline is None else now + times.deadline,
            retry=self.retry(),
            result_ttl=options.result_ttl,
            expires_at=None if times.expires is None else (not_before or now) + times.expires,
            key=options.concurrency_key,
            unique=None if options.key is None else self._unique,
            traceparent=traceparent,
            shape=self.definition.arguments.shape if self.args or self.kwargs else "",
            links=links,
        )

    def _sealed(self, payload: bytes) -> bytes:
        """The arguments as they travel. Raises BadArgument where they are too large."""
        if self.app.codec is not None:
            payload = self.app.codec.encode(payload)
        if len(payload) > PAYLOAD_BYTES:
            raise BadArgument(
                f"{self.definition.name}: its arguments take {mib(len(payload))} as they travel, and at most "
                f"{mib(PAYLOAD_BYTES)} do: keep the data elsewhere (a bucket, a table) and pass where it is"
            )
        return payload

    def _new_id(self, payload: bytes) -> str:
        if self.parent is not None and self.options.id is None:
            return self.parent.child(self.queue, self.definition.name, payload)
        return task_id(self.queue, self.options.id or os.urandom(12).hex())

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
