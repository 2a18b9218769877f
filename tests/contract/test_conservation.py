"""Random commands to a broker, each compared with a plain account of what must be true after it.

Invariants: each accepted task is in exactly one place; live leases never exceed the limits, of the queue and of each
key; nobody is stranded whose turn it is; one holder an idempotency key; attempts count starts, crashes apart from them,
and a lost answer counts as neither. `make conservation` runs many sequences; CI runs a few.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from penstock.broker import Broker, connect
from penstock.broker.messages import (
    Begun,
    Cancellation,
    Claimer,
    Limits,
    QueueConfig,
    Revision,
    Sent,
    Settlement,
    Verb,
    Verdict,
)
from penstock.envelope import Envelope, Unique
from penstock.keys import PRIORITIES, Priority, task_id
from penstock.outcome import Outcome
from penstock.status import Phase

T = TypeVar("T")
QUEUE, FAR, LIFE = "mail", 3600.0, 3600.0
SEQUENCES = int(os.environ.get("PENSTOCK_SEQUENCES", "25"))
STEPS = int(os.environ.get("PENSTOCK_STEPS", "30"))
WORKERS = [Claimer(name, name) for name in ("a", "b")]
MAX_CRASHES = 3


@dataclass(frozen=True)
class Sort:
    """What is asked for with a task."""

    key: str | None
    unique: Unique | None
    priority: Priority
    later: bool


UNIQUES = st.builds(
    Unique, st.sampled_from("kl"), st.sampled_from(["started", "finished"]), st.just(FAR), st.booleans()
)
SORTS = st.builds(
    Sort,
    st.sampled_from(["x", "x", "x", "x\nz", "x%", None]),
    st.one_of(st.none(), st.none(), UNIQUES),
    st.sampled_from(PRIORITIES),
    st.sampled_from([False, False, False, True]),
)


ENDS = [
    *[(Verb.END, phase) for phase in (Phase.SUCCEEDED, Phase.FAILED, *[Phase.DEAD_LETTERED] * 3)],
    *[(verb, Phase.QUEUED) for verb in Verb if verb is not Verb.END],
]


@dataclass
class Account:
    """What must be true of one task."""

    key: str | None
    unique: Unique | None
    attempts: int = 0
    starts: int = 0
    crashes: int = 0
    lease: Begun | None = None
    by: Claimer | None = None
    cancelled: bool = False
    delayed: bool = False
    parked: bool = False
    ended: Phase | None = None
    dead: bool = False

    @property
    def waits(self) -> bool:
        return self.ended is None and self.lease is None


@dataclass
class Config:
    concurrency: int | None = None
    per_key: int | None = None
    paused: bool = False


class Conservation(RuleBasedStateMachine):
    """One queue and two workers."""

    url = "memory://"
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.broker: Broker = connect(self.url, f"stateful-{uuid.uuid4().hex[:10]}")
        self.accounts: dict[str, Account] = {}
        self.config = Config()
        self.holders: dict[str, str] = {}
        self.numbers = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def teardown(self) -> None:
        try:
            self.drained()
        finally:
            self.do(self.broker.close())
            self.loop.close()

    # --- submitting -----------------------------------------------------------------------------------------------

    @initialize(target=ids, per_key=st.sampled_from([1, 1, 2, None]), sorts=st.lists(SORTS, min_size=3, max_size=6))
    def begin_with(self, per_key: int | None, sorts: list[Sort]) -> Any:
        """Some tasks under a limit: most of what can go wrong needs both."""
        self.limit(None, per_key)
        return multiple(*(id for sort in sorts for id in self.sent(sort)))

    @rule(target=ids, sorts=st.lists(SORTS, min_size=1, max_size=4))
    def send(self, sorts: list[Sort]) -> Any:
        return multiple(*(id for sort in sorts for id in self.sent(sort)))

    def sent(self, sort: Sort) -> list[str]:
        self.numbers += 1
        id, now = task_id(QUEUE, f"t{self.numbers}"), time.time()
        message = Envelope(
            id=id,
            task="a.b",
            queue=QUEUE,
            created_at=now,
            key=sort.key,
            unique=sort.unique,
            priority=sort.priority,
            not_before=now + FAR if sort.later else None,
        )
        [receipt] = self.do(self.broker.send([message]))
        if sort.unique is not None and sort.unique.key in self.holders:
            assert (receipt.sent, receipt.id) == (Sent.DUPLICATE, self.holders[sort.unique.key])
            return []
        assert receipt.sent is Sent.QUEUED
        self.accounts[id] = Account(sort.key, sort.unique, delayed=sort.later)
        if sort.unique is not None:
            self.holders[sort.unique.key] = id
        return [id]

    @rule(id=ids)
    def send_again(self, id: str) -> None:
        """A repeat, as after a lost answer."""
        message = Envelope(id=id, task="a.b", queue=QUEUE, created_at=time.time())
        [receipt] = self.do(self.broker.send([message]))
        if self.known(id):
            assert receipt.sent is Sent.KNOWN
        else:
            self.accounts[id] = Account(None, None)

    def known(self, id: str) -> bool:
        return id in self.accounts

    @rule(id=ids)
    def cancel(self, id: str) -> None:
        outcome = Outcome(id=id, task="", phase=Phase.CANCELLED, finished_at=time.time())
        done, _ = self.do(self.broker.cancel(outcome, reason="test", life=LIFE))
        account = self.accounts.get(id)
        if account is None:
            assert done is Cancellation.UNKNOWN
        elif account.ended is not None:
            assert done is Cancellation.FINISHED
        elif account.lease is not None:
            assert done is Cancellation.REQUESTED
            account.cancelled = True
        else:
            assert done is Cancellation.CANCELLED
            self.end(id, Phase.CANCELLED)

    @rule(id=ids)
    def withdraw(self, id: str) -> None:
        done, account = self.do(self.broker.withdraw(id)), self.accounts.get(id)
        if account is None:
            assert done is Cancellation.UNKNOWN
        elif account.ended is not None:
            assert done is Cancellation.FINISHED
        elif account.lease is not None:
            assert done is Cancellation.REQUESTED
        else:
            assert done is Cancellation.CANCELLED
            del self.accounts[id]
            self.free(id, account)

    @rule(id=ids, later=st.booleans(), key=st.sampled_from(["", "x", "z"]))
    def revise(self, id: str, later: bool, key: str) -> None:
        now, account = time.time(), self.accounts.get(id)
        message = Envelope(id=id, task="a.b", queue=QUEUE, created_at=now, key=key) if key else None
        done = self.do(self.broker.revise(id, due=now + FAR if later else now, message=message))
        if account is None:
            assert done is Revision.UNKNOWN
        elif account.ended is not None:
            assert done is Revision.FINISHED
        elif account.lease is not None:
            assert done is Revision.RUNNING
        else:
            assert done is Revision.REVISED
            account.delayed, account.parked = later, False
            account.key = key or account.key

    # --- working --------------------------------------------------------------------------------------------------

    @rule(
        by=st.sampled_from(WORKERS),
        budget=st.integers(1, 4),
        alone=st.booleans(),
        lost=st.sampled_from([False, False, False, True]),
    )
    def claim(self, by: Claimer, budget: int, alone: bool, lost: bool) -> None:
        begun = self.do(self.broker.claim(QUEUE, by, budget, alone=alone)).begun
        assert len(begun) <= budget
        assert not (begun and self.config.paused)
        self.begin(begun, by)
        if lost:
            self.forget(begun)
            held = [a.lease.lease for a in self.accounts.values() if a.lease is not None and a.by is by]
            assert self.do(self.broker.relinquish(QUEUE, by, held)) == len(begun)

    @rule(by=st.sampled_from(WORKERS), back=st.booleans())
    def read(self, by: Claimer, back: bool) -> None:
        read = self.do(self.broker.listen(QUEUE, by, 0.001))
        if not read:
            return
        if back:
            self.do(self.broker.unclaim(read))
        else:
            self.begin(self.do(self.broker.claim(QUEUE, by, 0, read=read)).begun, by)

    def begin(self, begun: list[Begun], by: Claimer) -> None:
        for one in begun:
            account = self.accounts[one.lease.id]
            assert account.waits
            assert not account.delayed
            assert not account.parked
            run = one.verdict is Verdict.RUN
            account.attempts += run
            account.starts += run
            assert (one.attempts, one.crashes) == (account.attempts, account.crashes)
            assert not run or one.starts == account.starts
            assert (one.verdict is Verdict.CRASHED) == (account.crashes >= MAX_CRASHES)
            account.lease, account.by = one, by
            if run and account.unique and account.unique.until == "started":
                self.free(one.lease.id, account)

    def forget(self, begun: list[Begun]) -> None:
        for one in begun:
            account = self.accounts[one.lease.id]
            run = one.verdict is Verdict.RUN
            # What had no start of its own can't be undone below 0.
            account.attempts = max(0, account.attempts - 1)
            account.starts = max(0, account.starts - 1)
            assert run or account.attempts >= 0
            account.lease = account.by = None

    @rule(data=st.data(), how=st.sampled_from(ENDS), later=st.sampled_from([False, False, True]), lost=st.booleans())
    def settle(self, data: st.DataObject, how: tuple[Verb, Phase], later: bool, lost: bool) -> None:
        verb, phase = how
        if not self.running:
            self.claim(WORKERS[0], 3, True, False)
        if not self.running:
            return
        running = self.running
        chosen = data.draw(st.lists(st.sampled_from(running), min_size=1, max_size=3, unique=True))
        ends = [self.settlement(id, verb, phase, later) for id in chosen]
        assert self.do(self.broker.settle(ends)) == [True] * len(ends)
        if lost:  # the worker tries again, for the answer didn't come
            assert self.do(self.broker.settle(ends)) == [verb is Verb.END] * len(ends)
        for id in chosen:
            self.settled(id, verb, phase, later)

    @property
    def running(self) -> list[str]:
        return [id for id, account in self.accounts.items() if account.lease is not None]

    def settlement(self, id: str, verb: Verb, phase: Phase, later: bool) -> Settlement:
        begun = self.accounts[id].lease
        assert begun is not None
        if verb is not Verb.END:
            return Settlement(lease=begun.lease, verb=verb, phase=Phase.QUEUED, delay=FAR if later else 0.0)
        outcome = Outcome(id=id, task="a.b", phase=phase, finished_at=time.time())
        return Settlement(lease=begun.lease, verb=verb, phase=phase, outcome=outcome, life=LIFE)

    def settled(self, id: str, verb: Verb, phase: Phase, later: bool) -> None:
        account = self.accounts[id]
        account.lease = account.by = None
        if verb is Verb.END:
            return self.end(id, phase)
        if verb in (Verb.RELEASE, Verb.PARK):
            account.attempts = max(0, account.attempts - 1)
        if verb is Verb.PARK:
            account.starts = max(0, account.starts - 1)
        account.crashes += verb is Verb.CRASH
        account.parked = verb is Verb.PARK
        account.delayed = later and verb is not Verb.PARK
        return None

    def end(self, id: str, phase: Phase) -> None:
        account = self.accounts[id]
        account.ended, account.dead = phase, phase is Phase.DEAD_LETTERED
        account.delayed = account.parked = False
        if account.unique is None:
            return
        failed = phase is not Phase.SUCCEEDED
        if (failed and not account.unique.keep_on_failure) or (not failed and account.unique.until == "finished"):
            self.free(id, account)

    def free(self, id: str, account: Account) -> None:
        if account.unique is not None and self.holders.get(account.unique.key) == id:
            del self.holders[account.unique.key]

    @rule(by=st.sampled_from(WORKERS), seldom=st.sampled_from([True, False, False]))
    def reclaim(self, by: Claimer, seldom: bool) -> None:
        """All workers have gone silent."""
        if not seldom:
            return
        running = self.running
        assert self.do(self.broker.reclaim(QUEUE, by, lease=0.0)).moved == len(running)
        for id in running:
            account = self.accounts[id]
            account.lease = account.by = None
            account.crashes += 1

    @rule(id=ids)
    def upkeep(self, id: str) -> None:
        account = self.accounts.get(id)
        if account is not None and account.lease is not None and account.by is not None:
            assert self.broker.renew([account.lease.lease], account.by) != ["lost"]
        self.unpark()
        self.promote()

    def unpark(self) -> None:
        page = self.do(self.broker.parked(QUEUE, 100))
        assert {one.id for one in page} == {id for id, account in self.accounts.items() if account.parked}
        self.do(self.broker.unpark(QUEUE, [one.id for one in page]))
        for one in page:
            self.accounts[one.id].parked = False

    def promote(self) -> None:
        self.do(self.broker.promote(QUEUE))
        self.do(self.broker.tidy(QUEUE))

    # --- steering -------------------------------------------------------------------------------------------------

    @rule(concurrency=st.sampled_from([None, None, 1, 3]), per_key=st.sampled_from([1, 1, 2, None]))
    def limit(self, concurrency: int | None, per_key: int | None) -> None:
        limits = Limits(concurrency=concurrency, concurrency_per_key=per_key)
        self.do(self.broker.configure(QUEUE, QueueConfig(limits=limits, max_crashes=MAX_CRASHES)))
        self.config.concurrency, self.config.per_key = concurrency, per_key

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.do(self.broker.pause(QUEUE, paused))
        self.config.paused = paused

    @rule()
    def replay(self) -> None:
        letters = self.do(self.broker.dead_letters(QUEUE, 100))
        dead = {id for id, account in self.accounts.items() if account.dead}
        assert {letter.id for letter in letters} == dead
        assert self.do(self.broker.replay(QUEUE, sorted(dead))) == len(dead)
        for id in sorted(dead):
            old = self.accounts[id]
            unique = old.unique
            if unique is not None and self.holders.setdefault(unique.key, id) != id:
                unique = None
            self.accounts[id] = Account(old.key, unique)
        self.claim(WORKERS[1], 4, False, False)

    # --- what is always true --------------------------------------------------------------------------------------

    @invariant()
    def each_is_in_one_place(self) -> None:
        depth = self.do(self.broker.depth([QUEUE]))[QUEUE]
        accounts = self.accounts.values()
        assert depth.in_flight == sum(account.lease is not None for account in accounts)
        assert depth.parked == sum(account.parked for account in accounts)
        assert depth.delayed + depth.due == sum(account.waits and account.delayed for account in accounts)
        assert depth.ready + depth.gated == sum(
            account.waits and not (account.delayed or account.parked) for account in accounts
        )
        assert depth.dead == sum(account.dead for account in accounts)

    @invariant()
    def all_are_known(self) -> None:
        ids = list(self.accounts)
        for id, snapshot in zip(ids, self.do(self.broker.snapshots(ids)), strict=True):
            account = self.accounts[id]
            assert snapshot is not None, f"{id} is lost"
            assert (snapshot.phase if snapshot.phase.terminal else None) == account.ended
            assert (snapshot.phase is Phase.RUNNING) == (account.lease is not None)

    @invariant()
    def live_leases_keep_the_limits(self) -> None:
        """Those that began under the limits of now: a lowered limit takes nothing from whoever runs."""
        running = Counter(
            a.key for a in self.accounts.values() if a.lease is not None and a.lease.verdict is Verdict.RUN
        )
        before = getattr(self, "_running", Counter[Any]())
        if self.config.per_key is not None:
            for key, count in running.items():
                assert key is None or count <= max(self.config.per_key, before[key])
        if self.config.concurrency is not None:
            total = sum(a.lease is not None for a in self.accounts.values())
            assert total <= max(self.config.concurrency, getattr(self, "_total", 0))
        self._running, self._total = running, sum(a.lease is not None for a in self.accounts.values())

    def drained(self) -> None:
        """In the end everything that waits gets its turn, under the limits as they are."""
        self.pause(False)
        self.unpark()
        for id, account in list(self.accounts.items()):
            if account.waits and account.delayed:
                self.revise(id, False, "")
        for _ in range(4 * len(self.accounts) + 8):
            if all(account.ended is not None for account in self.accounts.values()):
                break
            for by in WORKERS:
                self.claim(by, 4, True, False)
                self.claim(by, 4, False, False)
            self.live_leases_keep_the_limits()
            for id, account in list(self.accounts.items()):
                if account.lease is not None:
                    assert self.do(self.broker.settle([self.settlement(id, Verb.END, Phase.SUCCEEDED, False)])) == [
                        True
                    ]
                    self.settled(id, Verb.END, Phase.SUCCEEDED, False)
            self.promote()
        stranded = [id for id, account in self.accounts.items() if account.ended is None]
        assert not stranded, f"nobody started {stranded}"
        self.each_is_in_one_place()


@pytest.mark.parametrize("kind", ["memory", "streams"])
def test_nothing_is_lost_and_nobody_is_stranded(kind: str, request: pytest.FixtureRequest) -> None:
    url = "memory://" if kind == "memory" else request.getfixturevalue("redis_url")
    machine = type("Conservation", (Conservation,), {"url": url})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks
        ),
    )
