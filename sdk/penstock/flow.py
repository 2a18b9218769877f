"""Calls that hang together, as data: `fetch.s(url) | resize | group(store, notify.s("done"))`.

A flow is a call, a chain, a group or `each`. A task that stands alone in a chain gets what the step before returns;
in `task.s(…)` it goes where `previous` stands, and nowhere without. After a group that is the list of its results.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from copy import copy
from typing import Any, Concatenate, Generic, Protocol, TypeVar, overload

from penstock.errors import ConfigurationError
from penstock.handle import Handle
from penstock.previous import previous

__all__ = ["Chain", "Each", "Flow", "FlowSubmitter", "Group", "Many", "chord", "each", "group"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")


class FlowSubmitter(Protocol):
    """Who can submit a flow: an app."""

    async def submit_flow(self, flow: Flow[S]) -> Handle[S]:
        """Submit all of its calls at once. The handle is the last one's."""

    def submit_flow_sync(self, flow: Flow[S]) -> Handle[S]:
        """The same from sync code."""


class Flow(Generic[R_co]):
    """Calls that weren't made yet, and what comes out of them."""

    @property
    def submitter(self) -> FlowSubmitter:
        """The app that its first call belongs to."""
        raise NotImplementedError

    @overload
    def __or__(self, step: Flow[S]) -> Flow[S]: ...
    @overload
    def __or__(self, step: Callable[Concatenate[R_co, ...], Coroutine[Any, Any, S]]) -> Flow[S]: ...
    @overload
    def __or__(self, step: Callable[Concatenate[R_co, ...], S]) -> Flow[S]: ...
    def __or__(self, step: Any) -> Flow[Any]:
        """This, and then the step: a task, a call of one or another flow."""
        return Chain(self, as_flow(step))

    async def enqueue(self) -> Handle[R_co]:
        """Submit it all, in few round trips. The handle follows its end: cancelling it cancels what is left of it."""
        return await self.submitter.submit_flow(self)

    def enqueue_sync(self) -> Handle[R_co]:
        """The same from sync code."""
        return self.submitter.submit_flow_sync(self)


def as_flow(step: Any) -> Flow[Any]:
    """A step as it was given: a flow, or a task, which gets what comes before it. Raises TypeError for all else."""
    if isinstance(step, Flow):
        return step
    make = getattr(step, "s", None)
    if make is None:
        raise TypeError(f"{step!r} is no step of a flow: use a task, task.s(…), group(…) or each(…)")
    flow: Flow[Any] = make(previous)
    return flow


class Chain(Flow[R_co]):
    """One flow after another."""

    def __init__(self, first: Flow[Any], then: Flow[R_co]) -> None:
        self.first = first
        self.then = then

    @property
    def submitter(self) -> FlowSubmitter:
        """See Flow."""
        return self.first.submitter


class Many(Flow[list[R]]):
    """A flow with several ends: its result is the list of theirs. If one fails, it fails with it, and the others are
    cancelled."""

    tolerant = False

    def or_none(self) -> Flow[list[R | None]]:
        """The same, but for failures: the others go on, and None stands in the list for what failed."""
        found: Any = copy(self)
        found.tolerant = True
        flow: Flow[list[R | None]] = found
        return flow


class Group(Many[R]):
    """Flows side by side."""

    def __init__(self, members: Iterable[Flow[R]], submitter: FlowSubmitter | None = None) -> None:
        self.members = list(members)
        self._submitter = submitter

    @property
    def submitter(self) -> FlowSubmitter:
        """See Flow."""
        return self._submitter or self.members[0].submitter


class Each(Many[R]):
    """A call for each item of the list that comes before it, as many as that turn out to be."""

    def __init__(self, call: Flow[R]) -> None:
        self.call = call

    @property
    def submitter(self) -> FlowSubmitter:
        """See Flow."""
        return self.call.submitter


@overload
def group(*members: Flow[R]) -> Many[R]: ...
@overload
def group(*members: Flow[R] | Callable[..., Coroutine[Any, Any, R]]) -> Many[R]: ...
@overload
def group(*members: Flow[R] | Callable[..., R]) -> Many[R]: ...
def group(*members: Any) -> Many[Any]:
    """Flows side by side; the result is the list of theirs, in order. In a chain each gets what comes before.

    If one fails, the group fails with it and the others are cancelled, unless it is `group(…).or_none()`.
    """
    if not members:
        raise ConfigurationError("group(): give it at least one call, or use task.map(…)")
    return Group(as_flow(member) for member in members)


@overload
def chord(members: Flow[T], body: Flow[S]) -> Flow[S]: ...
@overload
def chord(members: Flow[T], body: Callable[Concatenate[T, ...], Coroutine[Any, Any, S]]) -> Flow[S]: ...
@overload
def chord(members: Flow[T], body: Callable[Concatenate[T, ...], S]) -> Flow[S]: ...
def chord(members: Flow[Any], body: Any) -> Flow[Any]:
    """A group and what becomes of its results: `members | body`, by the name that other libraries give it."""
    return Chain(members, as_flow(body))


@overload
def each(call: Flow[R]) -> Many[R]: ...
@overload
def each(call: Callable[Concatenate[Any, ...], Coroutine[Any, Any, R]]) -> Many[R]: ...
@overload
def each(call: Callable[Concatenate[Any, ...], R]) -> Many[R]: ...
def each(call: Any) -> Many[Any]:
    """A call of a task for each item of the list that the step before returns: `list_urls.s() | each(fetch) | total`.
    In `each(fetch.s(previous, timeout=3))` the item goes where `previous` stands."""
    return Each(as_flow(call))
