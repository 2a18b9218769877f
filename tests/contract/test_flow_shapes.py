"""Flows of any shape end, and as plain Python says that they must: nothing stays blocked."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import Flow, Handle, Penstock, Signature, TaskFailed, each, group, previous
from penstock.flow import Many
from penstock.task import Task
from penstock.worker import Settings, Worker
from tests.waiting import wait_for

PATIENCE = 30.0
QUEUES = ["left", "right"]


@dataclass(frozen=True)
class Failed:
    """With one of these types: of several failures the first counts, and nobody knows which that is."""

    types: frozenset[str]


Value: TypeAlias = Any  # what JSON can say, or Failed


# --- what flows are made of: how they are built, and what must come out of them ---------------------------------------


class Shapes:
    """The tasks of one app."""

    def __init__(self, url: str) -> None:
        self.app = app = Penstock("left", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}")

        @app.task
        async def give(value: Any) -> Any:
            return value

        @app.task(queue="right")
        def pair(value: Any) -> Any:
            return [value, value]

        @app.task(max_attempts=1, queue="right")
        async def fail(value: Any = None) -> Any:
            raise ValueError(value)

        @app.task(max_attempts=1)
        async def picky(value: Any) -> Any:
            if not value:
                raise LookupError(value)
            return value

        self.tasks: dict[str, Task[..., Any]] = {"give": give, "pair": pair, "fail": fail, "picky": picky}


def called(name: str, value: Value) -> Value:
    """What a task returns."""
    match name:
        case "pair":
            return [value, value]
        case "fail":
            return Failed(frozenset({"ValueError"}))
        case "picky" if not value:
            return Failed(frozenset({"LookupError"}))
    return value


def listed(values: Sequence[Value], *, tolerant: bool) -> Value:
    """What comes out of several ends."""
    if tolerant:
        return [None if isinstance(value, Failed) else value for value in values]
    failures = [value.types for value in values if isinstance(value, Failed)]
    return Failed(frozenset().union(*failures)) if failures else list(values)


@dataclass(frozen=True)
class Call:
    """`own`: the argument; None: what comes before."""

    name: str
    own: tuple[Value, ...] | None = None

    def build(self, shapes: Shapes) -> Signature[Any]:
        return shapes.tasks[self.name].s(*(self.own if self.own is not None else (previous,)))

    def model(self, before: Value) -> Value:
        if isinstance(before, Failed):
            return before
        return called(self.name, before if self.own is None else self.own[0])


@dataclass(frozen=True)
class Then:
    first: Shape
    then: Shape

    def build(self, shapes: Shapes) -> Flow[Any]:
        return self.first.build(shapes) | self.then.build(shapes)

    def model(self, before: Value) -> Value:
        return self.then.model(self.first.model(before))


@dataclass(frozen=True)
class Side:
    members: tuple[Shape, ...]
    tolerant: bool

    def build(self, shapes: Shapes) -> Flow[Any]:
        built = [member.build(shapes) for member in self.members]
        found: Many[Any] = group(*built) if built else shapes.tasks["give"].map([])
        return found.or_none() if self.tolerant else found

    def model(self, before: Value) -> Value:
        if not self.members:
            return before if isinstance(before, Failed) else []
        return listed([member.model(before) for member in self.members], tolerant=self.tolerant)


@dataclass(frozen=True)
class Fan:
    call: Call
    tolerant: bool

    def build(self, shapes: Shapes) -> Flow[Any]:
        found = each(self.call.build(shapes))
        return found.or_none() if self.tolerant else found

    def model(self, before: Value) -> Value:
        if isinstance(before, Failed):
            return before
        if not isinstance(before, list):
            return Failed(frozenset({"BadArgument"}))
        return listed([self.call.model(item) for item in before], tolerant=self.tolerant)


Shape: TypeAlias = Call | Then | Side | Fan

values = st.sampled_from([None, 0, 5, "abc", {"a": [1]}, [], [1], [0, 2, None], [[1], []]])
calls = st.sampled_from(["give", "pair", "fail", "picky", "give", "pair"]).map(Call) | values.map(
    lambda value: Call("give", (value,))
)


def larger(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    groups = st.builds(Side, st.lists(inner, max_size=3).map(tuple), st.booleans())
    return st.builds(Then, inner, inner) | groups | st.builds(Fan, calls, st.booleans())


rest = st.recursive(calls, larger, max_leaves=10)
starts = values.map(lambda value: Call("give", (value,))) | st.just(Call("fail", (1,)))
flows = st.builds(Then, starts, rest)


# --- running them -----------------------------------------------------------------------------------------------------


async def came(handle: Handle[Any]) -> Value:
    try:
        return await handle.result(PATIENCE)
    except TaskFailed as failed:
        return Failed(frozenset({failed.type}))


def fits(found: Value, model: Value) -> bool:
    if isinstance(found, Failed) and isinstance(model, Failed):
        return found.types <= model.types
    return bool(found == model)


async def all_end_as_they_must(url: str, asked: Sequence[Shape]) -> None:
    shapes = Shapes(url)
    async with shapes.app:
        broker = shapes.app.broker()
        async with Worker(shapes.app.definitions, broker, Settings(QUEUES, 8, drain_seconds=1)):
            handles = [await shape.build(shapes).enqueue() for shape in asked]
            found = await asyncio.gather(*map(came, handles))
            for shape, one in zip(asked, found, strict=True):
                assert fits(one, shape.model(None)), (shape, one, shape.model(None))

            async def nothing_left() -> bool:
                depths = (await broker.depth(QUEUES)).values()
                return not any(depth.blocked + depth.delayed + depth.backlog for depth in depths)

            await wait_for(nothing_left, "everything to have ended")
        await broker.close()


@given(st.lists(flows, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_memory(asked: list[Shape]) -> None:
    asyncio.run(all_end_as_they_must("memory://", asked))


@given(asked=st.lists(flows, min_size=8, max_size=20))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_on_redis(redis_url: str, asked: list[Shape]) -> None:
    asyncio.run(all_end_as_they_must(redis_url, asked))


@pytest.mark.parametrize("shape", [Fan(Call("pair"), tolerant=True), Side((), tolerant=True)])
@pytest.mark.parametrize("before", [Call("fail", (1,)), Call("give", ({},)), Call("give", (None,))])
def test_what_once_was_blocked_for_ever(before: Shape, shape: Shape) -> None:
    asyncio.run(all_end_as_they_must("memory://", [Then(Then(before, shape), Call("give")), Then(before, shape)]))
