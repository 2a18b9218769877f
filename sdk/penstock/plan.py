"""From a flow to the messages it is made of: one a call, each with its links, all known before anything is sent.

Pure. A step's id is QUEUE.FLOW-NUMBER; members of a group count from 0 behind a common start, so that ten thousand of
them are named in a few bytes.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock import codec
from penstock import envelope as envelopes
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError
from penstock.flow import Chain, Each, Flow, Group
from penstock.keys import Priority, task_id
from penstock.links import COLLECT, EACH, FAILURES_ONLY, UNKNOWN, Feed, Links, Source
from penstock.sealing import PayloadCodec, sealed
from penstock.submission import Signature

__all__ = ["Plan", "Step"]


@dataclass(eq=False)
class Step:
    """One task of a flow. `call` is None for those that Penstock adds: COLLECT, and EACH, which calls `model`."""

    id: str
    queue: str
    priority: Priority | None
    call: Signature[Any] | None
    added: str = COLLECT
    at: int | str | None = None
    waits: int = 0
    many: bool = False
    tolerant: bool = False
    sources: tuple[Source, ...] = ()
    feeds: list[Feed] = field(default_factory=list)
    model: Signature[Any] | None = None  # what EACH calls
    origin: str = ""  # the task whose result is EACH's list
    target: str = ""  # who waits for what EACH calls
    seal: PayloadCodec | None = None

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.added if self.call is None else self.call.definition.name

    @property
    def links(self) -> Links:
        """As they travel."""
        return Links(
            waits=self.waits,
            at=self.at,
            many=self.many,
            tolerant=self.tolerant,
            sources=self.sources,
            feeds=tuple(self.feeds),
            later=self.call.later if self.call is not None and self.waits else None,
        )

    def envelope(self, now: float, traceparent: str | None) -> Envelope:
        """Its message."""
        if self.call is not None:
            return self.call.envelope(now, traceparent, id=self.id, links=self.links)
        args: list[object] = [[]]
        if self.model is not None:
            links = Links(at=self.model.place, origin=self.origin, later=self.model.later)
            model = self.model.envelope(now, traceparent, links=links)
            args += [base64.b64encode(envelopes.encode(model)).decode(), self.target, f"{self.id}."]
        return Envelope(
            id=self.id,
            task=self.added,
            queue=self.queue,
            payload=sealed(codec.encode_call(args, {}), self.seal),
            codec=self.seal.name if self.seal else "",
            priority=self.priority or "normal",
            created_at=now,
            traceparent=traceparent,
            links=self.links,
        )


@dataclass(frozen=True)
class _Ends:
    """What the next step follows. `fan`: EACH, whose calls it waits for."""

    steps: Sequence[Step]
    many: bool = False
    tolerant: bool = False
    fan: Step | None = None
    queue: str = ""


class Plan:
    """The steps of one flow, in the order in which they may run. The last is the one that its handle follows."""

    def __init__(self, flow: Flow[Any], unique: str, seal: PayloadCodec | None = None) -> None:
        """`unique` is a part of all ids; `seal` is the codec of them all."""
        self.steps: list[Step] = []
        self._unique = unique
        self._seal = seal
        self._numbers = itertools.count()
        ends = self._add(flow, None)
        self.last = self._collected(ends).steps[0]
        self.returns = _returns(flow)

    @property
    def called(self) -> list[Step]:
        """The steps that somebody asked for, without those that Penstock adds."""
        return [step for step in self.steps if step.call is not None]

    @property
    def timed(self) -> bool:
        """Whether one of its calls says when."""
        return any(call.timed for call in self.made)

    @property
    def calls(self) -> list[Signature[Any]]:
        """Their calls."""
        return [step.call for step in self.steps if step.call is not None]

    @property
    def made(self) -> list[Signature[Any]]:
        """All that are made in the end: the calls, and the models of what EACH calls."""
        return [call for step in self.steps if (call := step.call or step.model) is not None]

    def change(self, calls: Sequence[Signature[Any]]) -> None:
        """Make these calls instead, one for each. Raises ConfigurationError where that would break a link."""
        if [call.queue for call in calls] != [step.queue for step in self.called]:
            raise ConfigurationError("a middleware left out calls of a flow or gave them other queues: it mustn't")
        for step, call in zip(self.called, calls, strict=True):
            step.call, step.at = call, call.place

    def _add(self, flow: Flow[Any], given: _Ends | None, name: str | None = None) -> _Ends:
        """Add a flow's steps behind what is given. `name`: the end of its last id, where somebody counts."""
        match flow:
            case Signature():
                return _Ends([self._call(flow, given, name)])
            case Chain():
                return self._add(flow.then, self._add(flow.first, given), name)
            case Group():
                return self._group(flow, given)
            case Each():
                return self._each(flow, given)
        raise TypeError(f"{flow!r} is no flow")

    def _call(self, call: Signature[Any], given: _Ends | None, name: str | None) -> Step:
        _check(call, self._seal)
        step = Step(self._id(call.queue, name), call.queue, call.options.priority, call, at=call.place)
        if call.place is not None and given is None:
            raise ConfigurationError(f"{call.definition.name}: `previous` in its arguments, and no call before it")
        return self._follow(step, given)

    def _group(self, flow: Group[Any], given: _Ends | None) -> _Ends:
        if not flow.members:
            return _Ends([self._follow(self._own(COLLECT, flow.queue, at=None), given)])
        if given is not None and given.many and len(flow.members) > 1:
            given = self._collected(given)
        base, ends = f"{next(self._numbers)}g", list[Step]()
        for number, member in enumerate(flow.members):
            ends.append(self._collected(self._add(member, given, f"{base}{number}")).steps[0])
        return _Ends(ends, many=True, tolerant=flow.tolerant, queue=ends[0].queue)

    def _each(self, flow: Each[Any], given: _Ends | None) -> _Ends:
        call = flow.call
        if given is None:
            raise ConfigurationError("each(…) makes calls of the list that comes before it: put a step before it")
        if not isinstance(call, Signature):
            raise ConfigurationError(f"each({type(call).__name__}): it takes a task or a call of one, not a flow")
        _check(call, self._seal)
        step = self._own(EACH, call.queue)
        step.priority, step.model = call.options.priority, call
        step.origin = given.steps[0].task if given.steps and not given.many else ""
        self._follow(step, given)
        return _Ends([], many=True, tolerant=flow.tolerant, fan=step, queue=call.queue)

    def _collected(self, ends: _Ends) -> _Ends:
        """One end: a step that hands on the list, where there are several."""
        if not ends.many:
            return ends
        return _Ends([self._follow(self._own(COLLECT, ends.queue), ends)])

    def _own(self, task: str, queue: str, at: int | None = 0) -> Step:
        """A step that Penstock adds. Without `at` it only waits its turn: a group of nothing, whose result is []."""
        return Step(self._id(queue), queue, None, None, task, at=at, seal=self._seal)

    def _follow(self, step: Step, given: _Ends | None) -> Step:
        """Let a step wait for what it is given."""
        self.steps.append(step)
        if given is None:
            return step
        step.many, step.tolerant = given.many, given.tolerant
        if given.fan is not None:
            step.waits, step.sources = UNKNOWN, (Source(f"{given.fan.id}.", UNKNOWN), Source(given.fan.id))
            given.fan.feeds.append(Feed(step.id, FAILURES_ONLY))
            given.fan.target = step.id
            return step
        step.waits = len(given.steps)
        step.sources = _sources([source.id for source in given.steps])
        for number, source in enumerate(given.steps):
            source.feeds.append(Feed(step.id, number))
        return step

    def _id(self, queue: str, name: str | None = None) -> str:
        return task_id(queue, f"{self._unique}-{name or next(self._numbers)}")


def _sources(ids: Sequence[str]) -> tuple[Source, ...]:
    """The ids, in short where they only count."""
    start = ids[0].removesuffix("0")
    if len(ids) > 1 and all(id == f"{start}{number}" for number, id in enumerate(ids)):
        return (Source(start, len(ids)),)
    return tuple(Source(id) for id in ids)


def _check(call: Signature[Any], seal: PayloadCodec | None) -> None:
    """Raise ConfigurationError for what a step can't be."""
    if call.app.codec is not seal:
        raise ConfigurationError(f"{call.definition.name}: its app has another codec than the flow's first call")
    name, options = call.definition.name, call.options
    if call.definition.options.broadcast:
        raise ConfigurationError(f"{name}: a broadcast task can't be a step of a flow: it has no result")
    for option in ("id", "resource", "key", "child"):
        if getattr(options, option):
            raise ConfigurationError(f"{name}: options({option}=…) is for calls of their own, not for steps of a flow")


def _returns(flow: Flow[Any]) -> object:
    """The annotation that its result is converted by."""
    match flow:
        case Signature():
            return flow.definition.returns
        case Chain():
            return _returns(flow.then)
        case Group():
            return _list_of({_returns(member): None for member in flow.members}, flow.tolerant)
        case Each():
            return _list_of({_returns(flow.call): None}, flow.tolerant)
    return None


def _list_of(kinds: dict[Any, None], tolerant: bool) -> object:
    if len(kinds) != 1 or None in kinds:
        return None
    [kind] = kinds
    item: Any = kind | None if tolerant else kind
    return list[item]
