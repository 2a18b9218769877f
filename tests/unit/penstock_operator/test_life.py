"""A Task's life as a state machine: whatever users, workers, operators and the broker do, in whatever order, a Task
goes from phase to phase as `status.py` allows, ends once a run, and never hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from penstock.broker.messages import Begun, Verdict
from penstock.envelope import decode
from penstock.kube import Manifest
from penstock.report import TASKS
from penstock.status import Phase, may_follow
from penstock.status_writer import StatusWriter
from penstock_operator.sweep import REPORT_GRACE_SECONDS, Sweep
from tests.unit.penstock_operator.rig import WORKER, TaskRig, known

R = TypeVar("R")
NAMES = ["a", "b", "c"]
Run = tuple[str, int]
ENDS = {Verdict.CANCELLED: Phase.CANCELLED, Verdict.CRASHED: Phase.DEAD_LETTERED}
ROUNDS = 30  # more than any chain of dependencies needs


class Chronicle:
    """Every status that the API server stored."""

    def __init__(self) -> None:
        self.phases: dict[str, tuple[int, Phase]] = {}
        self.ends: dict[Run, list[Manifest]] = {}
        self.wrong: list[str] = []

    def told(self, type: str, body: Manifest) -> None:
        uid, status = body["metadata"]["uid"], body["status"]
        run, phase = status.get("run", 1), Phase(status["phase"])
        before = self.phases.get(uid)
        if before is not None and before[0] == run and not may_follow(before[1], phase):
            self.wrong.append(f"{uid} run {run}: {before[1]} → {phase}")
        self.phases[uid] = (run, phase)
        if phase.terminal and type != "DELETED":
            said = {key: status.get(key) for key in ("phase", "result", "error", "attempts", "finishedAt")}
            ends = self.ends.setdefault((uid, run), [])
            if said not in ends:
                ends.append(said)


def some(life: Life) -> bool:
    """Whether there are Tasks."""
    return bool(life.rig.names())


class Life(RuleBasedStateMachine):
    """Names are few, so that what happens, happens to the same."""

    started: Bundle[Begun] = Bundle("started")

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.rig = self.wait(self._rig())
        self.chronicle = Chronicle()
        self.rig.kube.tell(TASKS, self.chronicle.told)
        self.under_way: list[Begun] = []

    async def _rig(self) -> TaskRig:
        rig = TaskRig()
        rig.tasks.queue.start()
        return rig

    def wait(self, doing: Coroutine[Any, Any, R]) -> R:
        return self.loop.run_until_complete(doing)

    def one(self, data: st.DataObject) -> str:
        """One of the Tasks that there are."""
        return data.draw(st.sampled_from(sorted(self.rig.names())))

    # --- users ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.rig.names()) < len(NAMES))
    @rule(
        data=st.data(),
        parents=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
        keeps=st.booleans(),
        suspend=st.sampled_from([False, False, True]),
        deadline=st.sampled_from([None, None, 5]),
        delay=st.sampled_from([None, None, 3]),
    )
    def apply(
        self,
        data: st.DataObject,
        parents: list[str],
        keeps: bool,
        suspend: bool,
        deadline: int | None,
        delay: int | None,
    ) -> None:
        name = data.draw(st.sampled_from(sorted(set(NAMES) - set(self.rig.names()))))
        spec: Manifest = {"suspend": suspend, "ttlSecondsAfterFinished": 1 if not keeps else 10_000}
        spec |= {"dependsOn": [{"name": parent} for parent in parents if parent != name]}
        spec |= {"deadlineSeconds": deadline} if deadline else {}
        spec |= {"delaySeconds": delay} if delay else {}
        self.wait(self.rig.apply(name, **spec))

    @precondition(some)
    @rule(data=st.data(), suspend=st.booleans())
    def suspend_or_resume(self, data: st.DataObject, suspend: bool) -> None:
        self.wait(self.rig.change(self.one(data), suspend=suspend))

    @precondition(some)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.wait(self.rig.change(self.one(data), cancel=True))

    @precondition(some)
    @rule(data=st.data())
    def run_again(self, data: st.DataObject) -> None:
        name = self.one(data)
        run = self.rig.task(name)["spec"]["run"]
        self.wait(self.rig.change(name, run=run + 1, cancel=False))

    @precondition(some)
    @rule(data=st.data(), seen=st.booleans())
    def delete(self, data: st.DataObject, seen: bool) -> None:
        self.rig.watching = seen
        self.wait(self.rig.delete(self.one(data)))
        self.rig.watching = True
        uids = {task["metadata"]["uid"] for task in self.rig.kube.stored(TASKS)}
        for uid in set(self.rig.tasks.uids()) - uids:  # as the next list finds out
            self.rig.tasks.gone(uid)
        self.wait(self.rig.idle())

    # --- workers ----------------------------------------------------------------------------------------------------

    @precondition(some)
    @rule(target=started)
    def start(self) -> Begun | MultipleResults[Begun]:
        begun = self.wait(self._claim())
        if begun is None:
            return multiple()
        ref = decode(begun.message).resource
        assert ref is not None
        held = [
            task for task in self.rig.kube.stored(TASKS) if task["metadata"]["uid"] == ref.uid and _held(task, ref.run)
        ]
        assert not held, "a suspended Task was started"
        return begun

    async def _claim(self) -> Begun | None:
        await self.rig.broker.promote("mail")
        claimed = (await self.rig.broker.claim("mail", WORKER, 1)).begun
        if not claimed:  # what was given up by a worker runs alone
            claimed = (await self.rig.broker.claim("mail", WORKER, 1, alone=True)).begun
        return claimed[0] if claimed else None

    @rule(begun=consumes(started), phase=st.sampled_from([Phase.SUCCEEDED, Phase.FAILED]), reports=st.booleans())
    def settle(self, begun: Begun, phase: Phase, reports: bool) -> None:
        self.wait(self._settle(begun, phase, reports))

    async def _settle(self, begun: Begun, phase: Phase, reports: bool) -> None:
        try:
            outcome = await self.rig.settle(begun, ENDS.get(begun.verdict, phase))
        except AssertionError:
            return  # the lease was lost: the broker was emptied
        if reports:
            await StatusWriter(self.rig.kube).ended(outcome)
            await self.rig.broker.clear([outcome])
        await self.rig.idle()

    # --- the rest of the world --------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 2, 6]))
    def time_passes(self, seconds: float) -> None:
        self.wait(self.rig.later(seconds))

    @rule()
    def another_operator(self) -> None:
        self.wait(self.rig.restart())

    @rule()
    def the_broker_is_emptied(self) -> None:
        self.rig.lose()
        self.wait(self._sweep())

    async def _sweep(self) -> None:
        sweep = Sweep(self.rig.kube, self.rig.brokers, known(self.rig), 1.0, self.rig.clock)
        await sweep.look(1)
        await self.rig.idle()

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def phases_follow_each_other_as_they_may(self) -> None:
        if hasattr(self, "chronicle"):
            assert self.chronicle.wrong == []

    @invariant()
    def a_run_ends_once(self) -> None:
        if hasattr(self, "chronicle"):
            assert [ends for ends in self.chronicle.ends.values() if len(ends) > 1] == []

    def teardown(self) -> None:
        """Let go of all that is held, make what is missing, and everything ends."""
        if not hasattr(self, "loop"):
            return
        try:
            self.wait(asyncio.wait_for(self._finish(), 60))
            self.phases_follow_each_other_as_they_may()
            self.a_run_ends_once()
        finally:
            self.wait(self.rig.tasks.queue.stop())
            self.loop.close()

    async def _finish(self) -> None:
        for name in NAMES:
            if name in self.rig.names():
                await self.rig.change(name, suspend=False)
        for _ in range(ROUNDS):
            await self._one_round()
            if all(Phase(task["status"]["phase"]).terminal and _current(task) for task in self.rig.kube.stored(TASKS)):
                break
        open = [
            (task["metadata"]["name"], task["spec"], task["status"])
            for task in self.rig.kube.stored(TASKS)
            if not (Phase(task["status"]["phase"]).terminal and _current(task))
        ]
        assert open == [], "stuck"
        depth = await self.rig.depth()
        assert (depth.ready, depth.delayed, depth.due) == (0, 0, 0), "something is queued that nobody waits for"

    async def _one_round(self) -> None:
        """What was started is given up by its workers and runs elsewhere; what waits for a missing Task gets it."""
        await self.rig.later(REPORT_GRACE_SECONDS + 1)
        await self.rig.broker.reclaim("mail", WORKER, lease=-1.0)
        while (begun := await self._claim()) is not None:
            await self._settle(begun, Phase.SUCCEEDED, reports=True)
        await self._sweep()
        for name in {
            parent["name"] for task in self.rig.kube.stored(TASKS) for parent in task["spec"].get("dependsOn", ())
        } - set(self.rig.names()):
            await self.rig.apply(name, ttlSecondsAfterFinished=10_000)


def _current(task: Manifest) -> bool:
    return bool(task["status"].get("run", 1) == task["spec"]["run"])


def _held(task: Manifest, run: int) -> bool:
    return bool(task["spec"]["run"] == run and task["spec"].get("suspend") and not task["spec"].get("cancel"))


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
