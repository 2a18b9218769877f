"""Flows from end to end, on both brokers: chains, groups, chords, maps and what their failures do."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock import (
    ConfigurationError,
    Flow,
    Handle,
    Penstock,
    Phase,
    RetryPolicy,
    TaskCancelled,
    TaskFailed,
    TaskTimedOut,
    chord,
    each,
    group,
    previous,
)
from penstock.broker.messages import Limits, QueueConfig
from penstock.envelope import Envelope
from penstock.flow import Many
from penstock.links import Links, Source
from penstock.outcome import Failure
from penstock.worker import relay, upkeep
from penstock.worker.relay import Relay
from tests.contract.kitchen import Kitchen
from tests.waiting import wait_for

PATIENCE = 20.0


@pytest.fixture(params=["memory", "streams"])
async def kitchen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kitchen]:
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(upkeep, "RELAY_SECONDS", 0.2)
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    app = Penstock("kitchen", url=url, namespace=f"test-{uuid.uuid4().hex[:8]}")
    kitchen = Kitchen(app)
    async with app, kitchen.worker():
        yield kitchen
        kitchen.gate.set()
        await kitchen.nothing_left()


class TestChain:
    async def test_a_result_is_the_next_ones_argument(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.add.s(1, 2) | kitchen.double | kitchen.add).enqueue()
        assert await handle.result(PATIENCE) == 6
        assert kitchen.ran == [("add", 1, 2), ("double", 3), ("add", 6, 0)]

    async def test_previous_says_where_it_goes(self, kitchen: Kitchen) -> None:
        flow = kitchen.double.s(5) | kitchen.add.s(1, previous) | kitchen.add.s(b=previous, a=100)
        assert await (await flow.enqueue()).result(PATIENCE) == 111

    async def test_a_whole_call_only_waits_its_turn(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.add.s(1) | kitchen.note.s("done")).enqueue()
        assert await handle.result(PATIENCE) == "done"
        assert kitchen.ran == [("add", 1, 0), "done"]

    async def test_flows_are_data_and_may_be_put_together_and_used_again(self, kitchen: Kitchen) -> None:
        ending = kitchen.double.s(previous) | kitchen.double
        first, second = await (kitchen.add.s(1) | ending).enqueue(), await (kitchen.add.s(2) | ending).enqueue()
        assert [await first.result(PATIENCE), await second.result(PATIENCE)] == [4, 8]

    async def test_it_is_blocked_until_its_turn(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.s() | kitchen.add).enqueue()
        assert (await handle.status()).phase is Phase.BLOCKED
        kitchen.gate.set()
        assert await handle.result(PATIENCE) == 1

    async def test_the_first_failure_ends_all_that_follows(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.fail.s(1) | kitchen.double | kitchen.add | kitchen.add).enqueue()
        with pytest.raises(TaskFailed, match=r"kitchen\.fail \(kitchen\..*\): ValueError: no 1") as caught:
            await handle.result(PATIENCE)
        assert (caught.value.type, await handle.wait()) == ("ValueError", Phase.FAILED)
        assert caught.value.upstream.startswith("kitchen.")
        assert (await kitchen.app.handle(caught.value.upstream).status()).failure == Failure(
            "ValueError", "no 1", caught.value.traceback, retryable=True
        )
        assert kitchen.ran == []

    async def test_a_step_that_took_too_long_ends_all_that_follows_so(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.options(timeout=0.1, max_attempts=1).s() | kitchen.double | kitchen.add).enqueue()
        with pytest.raises(TaskTimedOut, match=r"kitchen\.wait \(kitchen\..*\): TimedOut: the attempt took longer"):
            await handle.result(PATIENCE)

    async def test_a_step_that_was_cancelled_too(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.add.s(1) | kitchen.wait | kitchen.double).enqueue()
        await wait_for(lambda: kitchen.has("wait"), "the second to run")
        assert await kitchen.app.handle(handle.id.replace("oven", "kitchen").replace("-2", "-1")).cancel()
        with pytest.raises(TaskCancelled, match=r"kitchen\.wait \(kitchen\..*\): Cancelled"):
            await handle.result(PATIENCE)

    async def test_cancelling_the_last_cancels_what_runs_before_it(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.s() | kitchen.double | kitchen.add).enqueue()
        await wait_for(lambda: kitchen.has("wait"), "the first to run")
        assert await handle.cancel()
        with pytest.raises(TaskCancelled):
            await handle.result(PATIENCE)
        await kitchen.nothing_left()
        assert kitchen.ran == ["wait"]


class TestGroup:
    async def test_results_come_in_order(self, kitchen: Kitchen) -> None:
        handle = await group(kitchen.add.s(1), kitchen.double.s(2), kitchen.add.s(3)).enqueue()
        assert await handle.result(PATIENCE) == [1, 4, 3]

    async def test_each_member_gets_what_came_before(self, kitchen: Kitchen) -> None:
        flow = kitchen.add.s(5) | group(kitchen.add, kitchen.double, kitchen.note.s("five"))
        assert await (await flow.enqueue()).result(PATIENCE) == [5, 10, "five"]

    async def test_what_follows_gets_the_list(self, kitchen: Kitchen) -> None:
        members = group(kitchen.add.s(1) | kitchen.double, kitchen.add.s(5), kitchen.double.s(10))
        assert await (await (members | kitchen.total).enqueue()).result(PATIENCE) == 27
        assert await (await chord(members, kitchen.total).enqueue()).result(PATIENCE) == 27

    async def test_groups_in_and_after_groups(self, kitchen: Kitchen) -> None:
        inner = group(kitchen.add.s(1), kitchen.add.s(2)) | kitchen.total
        nested = group(inner, group(kitchen.add.s(3), group(kitchen.add.s(4))))
        assert await (await nested.enqueue()).result(PATIENCE) == [3, [3, [4]]]
        twice = group(kitchen.add.s(1), kitchen.add.s(2)) | group(kitchen.total, kitchen.total) | kitchen.total
        assert await (await twice.enqueue()).result(PATIENCE) == 6

    async def test_one_failure_fails_it_and_cancels_the_others(self, kitchen: Kitchen) -> None:
        handle = await (group(kitchen.wait.s(), kitchen.fail.s(1)) | kitchen.total).enqueue()
        with pytest.raises(TaskFailed, match="no 1"):
            await handle.result(PATIENCE)
        await kitchen.nothing_left()

    async def test_or_leaves_a_gap(self, kitchen: Kitchen) -> None:
        members = group(kitchen.add.s(1), kitchen.fail.s(), kitchen.add.s(3)).or_none()
        assert await (await members.enqueue()).result(PATIENCE) == [1, None, 3]
        assert await (await (members | kitchen.total).enqueue()).result(PATIENCE) == 4


class TestEmptyGroup:
    """It has nothing to do, but its turn comes where it stands."""

    @pytest.mark.parametrize("tolerant", [False, True])
    async def test_what_follows_it_follows_what_is_before_it(self, kitchen: Kitchen, tolerant: bool) -> None:
        none: Many[Any] = kitchen.double.map([])
        handle = await (kitchen.wait.s() | (none.or_none() if tolerant else none) | kitchen.total).enqueue()
        await wait_for(lambda: kitchen.has("wait"), "the first to run")
        assert (await handle.status()).phase is Phase.BLOCKED
        kitchen.gate.set()
        assert await handle.result(PATIENCE) == 0

    async def test_a_failure_before_it_is_a_failure_after_it(self, kitchen: Kitchen) -> None:
        for flow in (kitchen.fail.s(1) | kitchen.double.map([]).or_none(), kitchen.fail.s(1) | kitchen.double.map([])):
            for handle in (await flow.enqueue(), await (flow | kitchen.total).enqueue()):
                with pytest.raises(TaskFailed, match="ValueError: no 1"):
                    await handle.result(PATIENCE)

    async def test_it_returns_nothing_after_something(self, kitchen: Kitchen) -> None:
        none = kitchen.double.map([])
        before = (kitchen.add.s(1), group(kitchen.add.s(1), kitchen.add.s(2)), kitchen.upto.s(2) | each(kitchen.double))
        for flow in (none, none | none, none | each(kitchen.double), *(first | none for first in before)):
            assert await (await flow.enqueue()).result(PATIENCE) == []
        tolerant = group(kitchen.fail.s(), kitchen.add.s(1)).or_none() | none
        assert await (await tolerant.enqueue()).result(PATIENCE) == []

    async def test_groups_of_empty_ones(self, kitchen: Kitchen) -> None:
        none = kitchen.double.map([])
        assert await (await group(none, kitchen.double.map([1])).enqueue()).result(PATIENCE) == [[], [2]]
        assert await (await group(group(none, none), group(none)).enqueue()).result(PATIENCE) == [[[], []], [[]]]
        assert await (await group(none | kitchen.total, none | kitchen.total).enqueue()).result(PATIENCE) == [0, 0]
        assert await (await (kitchen.wait.s() | group(none, none)).enqueue()).cancel()

    async def test_it_runs_where_its_calls_would_have_run(self, kitchen: Kitchen) -> None:
        assert (await kitchen.double.map([]).enqueue()).id.startswith("oven.")
        assert (await kitchen.double.options(queue="kitchen").map([]).enqueue()).id.startswith("kitchen.")


class TestMap:
    async def test_one_call_for_each_item(self, kitchen: Kitchen) -> None:
        assert await (await kitchen.double.map(range(4)).enqueue()).result(PATIENCE) == [0, 2, 4, 6]
        assert await (await kitchen.add.starmap([(1, 2), (3, 4)]).enqueue()).result(PATIENCE) == [3, 7]

    async def test_of_nothing(self, kitchen: Kitchen) -> None:
        assert await (await kitchen.double.map([]).enqueue()).result(PATIENCE) == []
        assert await (await (kitchen.double.map([]) | kitchen.total).enqueue()).result(PATIENCE) == 0
        assert await (await (kitchen.upto.s(0) | each(kitchen.double) | kitchen.total).enqueue()).result(PATIENCE) == 0

    async def test_as_many_as_turn_out_to_be(self, kitchen: Kitchen) -> None:
        flow = kitchen.upto.s(7) | each(kitchen.add.s(previous, 10)) | kitchen.total
        assert await (await flow.enqueue()).result(PATIENCE) == 91
        assert await (await (kitchen.upto.s(3) | each(kitchen.double)).enqueue()).result(PATIENCE) == [0, 2, 4]

    async def test_a_failure_among_them(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.upto.s(3) | each(kitchen.fail) | kitchen.total).enqueue()
        with pytest.raises(TaskFailed, match="ValueError: no"):
            await handle.result(PATIENCE)
        tolerant = kitchen.upto.s(3) | each(kitchen.fail).or_none() | kitchen.total
        assert await (await tolerant.enqueue()).result(PATIENCE) == 0

    async def test_what_is_no_list(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.add.s(3) | each(kitchen.double) | kitchen.total).enqueue()
        said = r"penstock\.each.*each\(kitchen\.double\) makes .* a list, but kitchen\.add returned a value of type int"
        with pytest.raises(TaskFailed, match=said) as failed:
            await handle.result(PATIENCE)
        assert failed.value.type == "BadArgument"

    @pytest.mark.parametrize("given", [{"a": 1}, "abc", 5, None, True])
    async def test_what_is_no_list_ends_a_tolerant_one_too(self, kitchen: Kitchen, given: object) -> None:
        kind = "None" if given is None else f"a value of type {type(given).__name__}"
        for flow in (kitchen.give.s(given) | each(kitchen.add).or_none(), kitchen.give.s(given) | each(kitchen.add)):
            for handle in (await flow.enqueue(), await (flow | kitchen.total).enqueue()):
                with pytest.raises(TaskFailed, match=rf"kitchen\.give returned {kind}"):
                    await handle.result(PATIENCE)

    async def test_a_source_that_fails_ends_a_tolerant_one_too(self, kitchen: Kitchen) -> None:
        flow = kitchen.fail.s(1) | each(kitchen.double).or_none()
        for handle in (await flow.enqueue(), await (flow | kitchen.total).enqueue()):
            with pytest.raises(TaskFailed, match="ValueError: no 1") as failed:
                await handle.result(PATIENCE)
            assert failed.value.type == "ValueError"

    async def test_a_full_queue_only_holds_it_up(self, kitchen: Kitchen) -> None:
        """Even if it takes the only place of the only worker, which its calls need."""
        broker = kitchen.app.broker()
        await broker.configure("oven", QueueConfig(limits=Limits(depth=2, concurrency=1)))
        handle = await (kitchen.upto.s(9) | each(kitchen.double) | kitchen.total).enqueue()
        assert await handle.result(PATIENCE) == 72
        await broker.close()


class TestOptions:
    @staticmethod
    async def late(kitchen: Kitchen, step: Any) -> Handle[Any]:
        """A step whose turn comes after half a second."""
        handle: Handle[Any] = await (kitchen.wait.s() | step).enqueue()
        await wait_for(lambda: kitchen.has("wait"), "the first to run")
        asyncio.get_running_loop().call_later(0.5, kitchen.gate.set)
        return handle

    @pytest.mark.parametrize("fan", [False, True])
    async def test_a_step_waits_for_its_delay_once_it_could_start(self, kitchen: Kitchen, fan: bool) -> None:
        kitchen.gate.set()
        began = time.monotonic()
        step = kitchen.double.options(delay=0.4).s(previous)
        flow: Flow[Any] = kitchen.upto.s(2) | each(step) if fan else kitchen.wait.s() | step
        assert await (await (kitchen.double.options(delay=0.4).s(1) | flow).enqueue()).result(PATIENCE) in (2, [0, 2])
        assert time.monotonic() - began >= 0.8

    @pytest.mark.parametrize("option", ["expires", "deadline"])
    async def test_what_a_step_waits_for_others_costs_none_of_its_own_time(self, kitchen: Kitchen, option: str) -> None:
        given: Any = {option: 0.4}
        handle = await self.late(kitchen, kitchen.add.options(**given).s(previous, 1))
        assert await handle.result(PATIENCE) == 2
        kitchen.gate.clear()
        handle = await self.late(kitchen, kitchen.give.s([1]) | each(kitchen.add.options(**given).s(previous)))
        assert await handle.result(PATIENCE) == [1]

    async def test_the_same_where_the_task_declares_it(self, kitchen: Kitchen) -> None:
        handle = await self.late(kitchen, kitchen.fresh)
        assert await handle.result(PATIENCE) == 1

    async def test_a_step_that_nobody_starts_in_time_expires(self, kitchen: Kitchen) -> None:
        oven = kitchen.app.queue("oven")
        await oven.pause()
        handle = await (kitchen.give.s(1) | kitchen.double.options(expires=0.2).s(previous) | kitchen.add).enqueue()

        async def too_late() -> bool:
            return (await oven.depth()).oldest > 0.3

        await wait_for(too_late, "its time to be over")
        await oven.resume()
        with pytest.raises(TaskFailed, match="wasn't started within its time"):
            await handle.result(PATIENCE)

    async def test_a_step_ends_at_its_deadline(self, kitchen: Kitchen) -> None:
        step = kitchen.wait.options(deadline=0.3)
        for flow in (kitchen.add.s(1) | step.s(previous), kitchen.upto.s(1) | each(step.s(previous))):
            with pytest.raises(TaskTimedOut, match="DeadlineExceeded"):
                await (await flow.enqueue()).result(PATIENCE)

    async def test_a_deadline_covers_all_attempts(self, kitchen: Kitchen) -> None:
        step = kitchen.fail.options(deadline=0.3, retry=RetryPolicy(9, 0.4, maximum=0.4, jitter=False)).s(previous)
        with pytest.raises(TaskTimedOut, match="DeadlineExceeded"):
            await (await (kitchen.add.s(1) | step).enqueue()).result(PATIENCE)

    async def test_a_step_can_be_rescheduled_while_it_waits(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.s() | kitchen.add.options(delay=60).s(previous, 1)).enqueue()
        assert await handle.reschedule(delay=0)
        kitchen.gate.set()
        assert await handle.result(PATIENCE) == 2

    async def test_a_step_cannot_be_replaced_by_a_call_that_knows_nothing_of_the_others(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.s() | kitchen.add | kitchen.note.s("x")).enqueue()
        with pytest.raises(ConfigurationError, match="a step of a flow, or a task with children, can't be replaced"):
            await handle.replace(kitchen.note.s("y"))
        kitchen.gate.set()
        assert await handle.result(PATIENCE) == "x"

    async def test_a_step_is_tried_again_with_the_same_inputs(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.add.s(4) | kitchen.second_time).enqueue()
        assert await handle.result(PATIENCE) == 4
        assert kitchen.ran == [("add", 4, 0), ("try", 4), ("try", 4)]


class TestChildren:
    async def test_they_are_cancelled_with_their_parent(self, kitchen: Kitchen) -> None:
        handle = await kitchen.parent.enqueue()
        await wait_for(lambda: kitchen.has("wait"), "the child to run")
        await wait_for(kitchen.has_children, "all to be enqueued")
        assert await handle.cancel()
        assert await handle.wait(PATIENCE) is Phase.CANCELLED
        await kitchen.nothing_left()
        assert [await child.wait(PATIENCE) for child in kitchen.children] == [Phase.CANCELLED] * 4

    async def test_and_when_it_fails(self, kitchen: Kitchen) -> None:
        handle = await kitchen.parent.enqueue(fail=True)
        assert await handle.wait(PATIENCE) is Phase.DEAD_LETTERED
        assert [await child.wait(PATIENCE) for child in kitchen.children] == [Phase.CANCELLED] * 4

    async def test_what_has_ended_by_then_stays_as_it_is(self, kitchen: Kitchen) -> None:
        kitchen.gate.set()
        handle = await kitchen.parent.enqueue()
        assert await handle.result(PATIENCE) == [1, 1, 1, 1]

    async def test_another_attempt_has_the_same_children(self, kitchen: Kitchen) -> None:
        handle = await kitchen.stubborn.enqueue("add")
        assert await handle.result(PATIENCE) == [1, 2, 1]
        assert Counter(kitchen.ran) == {("add", 1, 0): 2, ("add", 2, 0): 1}
        first, second, third = (kitchen.children[at : at + 3] for at in (0, 3, 6))
        assert [child.id for child in first] == [child.id for child in second] == [child.id for child in third]
        assert len({child.id for child in first}) == 3

    async def test_children_that_still_run_are_those_of_the_next_attempt_too(self, kitchen: Kitchen) -> None:
        handle = await kitchen.stubborn.options(timeout=0.3).enqueue("wait")

        async def twice() -> bool:
            return len(kitchen.children) >= 6

        await wait_for(twice, "the second attempt")
        kitchen.gate.set()
        assert await handle.result(PATIENCE) == [1, 1, 1]
        assert kitchen.ran == ["wait"] * 3

    async def test_a_child_that_came_to_nothing_is_made_again(self, kitchen: Kitchen) -> None:
        """Each by its own attempts first; then the parent's next attempt is the next chance."""
        retry = RetryPolicy(9, 0.01, maximum=0.01)
        handle = await kitchen.stubborn.options(retry=retry).enqueue("third_time")
        assert await handle.result(PATIENCE) == [1, 2, 1]
        assert Counter(kitchen.ran) == {("third", 1): 4, ("third", 2): 3}

    async def test_calls_from_threads_have_the_same_children_too(self, kitchen: Kitchen) -> None:
        first, second = await (await kitchen.threaded.enqueue()).result(PATIENCE)
        assert first != second
        assert kitchen.ran == [("add", 1, 0)] * 2

    async def test_two_parents_have_children_of_their_own(self, kitchen: Kitchen) -> None:
        for handle in [await kitchen.threaded.enqueue(), await kitchen.threaded.enqueue()]:
            await handle.result(PATIENCE)
        assert kitchen.ran == [("add", 1, 0)] * 4

    async def test_only_inside_a_task(self, kitchen: Kitchen) -> None:
        with pytest.raises(ConfigurationError, match=r"child=True\) is for calls from inside a task"):
            await kitchen.wait.options(child=True).enqueue()


class TestRecovery:
    """What the worker that ended a task didn't live to tell, others do."""

    async def test_of_results(self, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Relay, "ended", lambda *_: None)
        assert await (await (kitchen.add.s(1) | kitchen.double).enqueue()).result(PATIENCE) == 2

    async def test_of_failures(self, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Relay, "ended", lambda *_: None)
        with pytest.raises(TaskFailed, match="no 1"):
            await (await (kitchen.fail.s(1) | kitchen.double | kitchen.add).enqueue()).result(PATIENCE)

    async def test_of_what_nobody_will_ever_unblock(self, kitchen: Kitchen) -> None:
        handle = await (kitchen.wait.s() | kitchen.double).enqueue()
        broker = kitchen.app.broker()
        chores = Relay(broker, time.time)
        await chores.expire("oven", 3600)
        assert (await handle.status()).phase is Phase.BLOCKED
        await chores.expire("oven", -1)
        assert (await handle.status()).phase is Phase.BLOCKED  # what it waits for runs
        await broker.withdraw(handle.id)
        lost = Links(waits=1, sources=(Source("kitchen.lost"),))
        message = Envelope(id=handle.id, task="kitchen.double", queue="oven", created_at=time.time(), links=lost)
        await broker.send([message])
        await chores.expire("oven", -1)
        with pytest.raises(TaskFailed, match="Abandoned"):
            await handle.result(PATIENCE)
        await broker.close()


class TestRefusals:
    async def test_previous_without_a_call_before(self, kitchen: Kitchen) -> None:
        for flow in (kitchen.add.s(previous), kitchen.add.s(previous) | kitchen.add):
            with pytest.raises(ConfigurationError, match=r"kitchen\.add: `previous` in its arguments, and no call"):
                await flow.enqueue()
        with pytest.raises(ConfigurationError, match="use it once"):
            await (kitchen.add.s(1) | kitchen.add.s(previous, previous)).enqueue()

    async def test_tasks_of_an_app_with_another_broker(self, kitchen: Kitchen) -> None:
        other = Kitchen(Penstock("other", url=kitchen.app.url, namespace="another"))
        said = r"other\.add: a task of the app 'other', whose broker or namespace isn't that of 'kitchen'"
        for flow in (
            kitchen.add.s(1) | other.add,
            kitchen.upto.s(1) | each(other.add),
            kitchen.add.s(1) | group(kitchen.add, other.add.map([1])),
        ):
            with pytest.raises(ConfigurationError, match=said):
                await flow.enqueue()
        with pytest.raises(ConfigurationError, match=r"other\.add is a task of app 'other', not of app 'kitchen'"):
            await kitchen.app.enqueue_many([kitchen.add.s(1), other.add.s(2)])

    async def test_tasks_of_an_app_with_the_same_broker(self, kitchen: Kitchen) -> None:
        if kitchen.app.url.startswith("memory"):
            pytest.skip("it is one app's own")
        other = Kitchen(Penstock("kitchen", url=kitchen.app.url, namespace=kitchen.app.namespace))
        assert await (await (kitchen.add.s(1) | other.add.s(previous, 1)).enqueue()).result(PATIENCE) == 2

    async def test_what_is_no_step(self, kitchen: Kitchen) -> None:
        with pytest.raises(TypeError, match="is no step of a flow: use a task"):
            kitchen.add.s(1) | print
        with pytest.raises(ConfigurationError, match="at least one call"):
            group()
        with pytest.raises(ConfigurationError, match="put a step before it"):
            await each(kitchen.add).enqueue()

    @pytest.mark.parametrize(("name", "value"), [("key", "k"), ("resource", True)])
    async def test_options_that_are_for_calls_of_their_own(self, kitchen: Kitchen, name: str, value: object) -> None:
        step = kitchen.add.options(**{name: value}).s(previous)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=rf"options\({name}=…\) is for calls of their own"):
            await (kitchen.add.s(1) | step).enqueue()
