"""From flows to messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import ConfigurationError, Flow, Penstock, each, group, previous
from penstock.envelope import Envelope
from penstock.links import COLLECT, FAILURES_ONLY, UNKNOWN, Links, Source, spliced
from penstock.plan import Plan

app = Penstock("shop", url="memory://")


@app.task
async def step(value: object = None) -> list[int]:
    return []


@app.task(queue="other")
async def elsewhere(value: object = None) -> list[int]:
    return []


calls = st.sampled_from([step.s(1), step.s(previous), elsewhere.s(previous), elsewhere.s(2)])


def behind(flow: st.SearchStrategy[Flow[Any]]) -> st.SearchStrategy[Flow[Any]]:
    """A flow of several, each of which may take what comes before."""
    groups = st.lists(flow, min_size=0, max_size=4).map(lambda found: group(*found) if found else step.map([]))
    many = groups | calls.map(each)
    return st.tuples(flow, flow).map(lambda two: two[0] | two[1]) | many | many.map(lambda found: found.or_none())


flows = st.recursive(calls, behind, max_leaves=12).map(lambda flow: step.s(0) | flow)


def messages(flow: Flow[Any]) -> tuple[Plan, dict[str, Envelope]]:
    plan = Plan(flow, "f")
    sent = [step.envelope(0.0, None) for step in plan.steps]
    assert len({message.id for message in sent}) == len(sent)
    return plan, {message.id: message for message in sent}


def links(message: Envelope) -> Links:
    return message.links or Links()


def sources(message: Envelope, count: int) -> Iterator[str]:
    for source in links(message).sources:
        yield from source.ids(count)


@given(flows)
def test_whoever_waits_is_fed_as_often_as_it_waits_for(flow: Flow[Any]) -> None:
    _, sent = messages(flow)
    fed = Counter(feed.id for message in sent.values() for feed in links(message).feeds if feed.index != FAILURES_ONLY)
    for id, message in sent.items():
        waits = links(message).waits
        assert waits == (UNKNOWN if waits == UNKNOWN else fed[id])
        assert waits != UNKNOWN or fed[id] == 0  # the calls that EACH makes will


@given(flows)
def test_sources_and_feeds_say_the_same(flow: Flow[Any]) -> None:
    _, sent = messages(flow)
    fed = {(message.id, feed.id) for message in sent.values() for feed in links(message).feeds}
    said = {(source, id) for id, message in sent.items() for source in sources(message, 0)}
    assert fed == said


@given(flows)
def test_inputs_are_numbered_from_0_on(flow: Flow[Any]) -> None:
    _, sent = messages(flow)
    numbers: dict[str, list[int]] = {}
    for message in sent.values():
        for feed in links(message).feeds:
            if feed.index != FAILURES_ONLY:
                numbers.setdefault(feed.id, []).append(feed.index)
    assert all(sorted(found) == list(range(len(found))) for found in numbers.values())


@given(flows)
def test_the_last_is_the_only_one_that_feeds_nobody(flow: Flow[Any]) -> None:
    plan, sent = messages(flow)
    assert not links(sent[plan.last.id]).feeds
    ends = [id for id, message in sent.items() if not links(message).feeds]
    assert [id for id in ends if id == plan.last.id] == [plan.last.id]


@given(flows)
def test_nothing_waits_for_what_comes_later(flow: Flow[Any]) -> None:
    plan, sent = messages(flow)
    order = {step.id: place for place, step in enumerate(plan.steps)}
    assert all(order[source] < order[id] for id, message in sent.items() for source in sources(message, 0))


def test_ten_thousand_sources_take_a_few_bytes() -> None:
    _, sent = messages(step.map(range(10_000)) | step)
    [last] = [message for message in sent.values() if links(message).waits]
    assert links(last).sources == (Source("shop.f-0g", 10_000),)


def test_a_group_after_a_group_gets_one_list() -> None:
    _, sent = messages(group(step.s(1), step.s(2)) | group(step, elsewhere))
    assert sorted(message.task for message in sent.values()).count(COLLECT) == 2


def test_what_comes_out_is_converted_by_the_last_ones_annotation() -> None:
    assert Plan(step.s(1) | elsewhere, "f").returns == list[int]
    assert Plan(group(step.s(1), step.s(2)), "f").returns == list[list[int]]
    assert Plan(step.map([1]).or_none(), "f").returns == list[list[int] | None]
    assert Plan(step.s(1) | each(step), "f").returns == list[list[int]]


def test_middlewares_may_change_calls_but_not_their_number_or_place() -> None:
    plan = Plan(step.s(1) | elsewhere, "f")
    first, second = plan.calls
    plan.change([first.with_options(first.options), second])
    for calls in ([first], [second, first]):
        with pytest.raises(ConfigurationError, match="a middleware left out calls"):
            plan.change(calls)


values = st.sampled_from([b"1", b'"a"', b"[]", b'{"a":null}'])


@given(st.dictionaries(st.integers(0, 9), values, min_size=1))
def test_inputs_go_where_they_belong(inputs: dict[int, bytes]) -> None:
    first, every = inputs[min(inputs)], b"[" + b",".join(inputs[n] for n in sorted(inputs)) + b"]"
    assert spliced(b"[[null,2],{}]", Links(at=0), inputs) == b"[[%s,2],{}]" % first
    assert spliced(b'[[1],{"x":null}]', Links(at="x", many=True), inputs) == b'[[1],{"x":%s}]' % every
    assert spliced(b"[[1],{}]", Links(), inputs) == b"[[1],{}]"


def test_an_input_that_is_gone_is_told() -> None:
    with pytest.raises(LookupError, match="its input is gone"):
        spliced(b"[[null],{}]", Links(at=0), {})
    assert spliced(b"[[null],{}]", Links(at=0, many=True), {}) == b"[[[]],{}]"
