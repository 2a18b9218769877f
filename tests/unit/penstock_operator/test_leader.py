from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from penstock.errors import Deposed, NotConnected
from penstock.stopping import stopped
from penstock_operator import leader as module
from penstock_operator.api import LEASES
from penstock_operator.leader import Leader
from tests.unit.fake_kube import FakeKube
from tests.waiting import wait_for

LEASE = ("system", "operator")


class Candidate:
    """An operator that does nothing but lead."""

    def __init__(self, kube: FakeKube, name: str) -> None:
        self.leader = Leader(kube, LEASE, f"{name}_1")
        self.epochs: list[int] = []
        self.leading = False
        self.fails: Exception | None = None

    async def lead(self, epoch: int) -> None:
        self.epochs.append(epoch)
        error, self.fails = self.fails, None
        if error is not None:
            raise error
        self.leading = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leading = False

    async def leads(self) -> bool:
        return self.leading and self.leader.valid

    async def follows(self) -> bool:
        return not self.leading


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the real times, but for the Lease's own, which is whole seconds."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 1)
    monkeypatch.setattr(module, "VALID_SECONDS", 0.6)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@asynccontextmanager
async def standing(candidate: Candidate) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(candidate.leader.run(candidate.lead))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def soon(condition: Callable[[], Awaitable[bool]], what: str, patience: float = 5) -> None:
    await wait_for(condition, what, patience=patience)


async def test_one_of_two_leads_and_goes_on_leading(kube: FakeKube) -> None:
    first, second = Candidate(kube, "a"), Candidate(kube, "b")
    async with standing(first):
        await soon(first.leads, "the first to lead")
        async with standing(second):
            renewed = kube.written("PUT", "leases") + 15  # longer than the Lease lasts

            async def long_after() -> bool:
                return kube.written("PUT", "leases") >= renewed

            await soon(long_after, "many renewals")
            assert await first.leads()
            assert second.epochs == []


async def test_a_clean_end_hands_over_at_once(kube: FakeKube) -> None:
    first, second = Candidate(kube, "a"), Candidate(kube, "b")
    async with standing(second) as task:
        await soon(second.leads, "the second to lead")
        async with standing(first):
            task.cancel()
            await soon(first.leads, "the first to lead", patience=0.5)
    assert (second.epochs, first.epochs) == ([1], [2])


async def test_a_dead_leader_is_replaced_when_its_time_is_over(kube: FakeKube) -> None:
    dead, next_one = Candidate(kube, "a"), Candidate(kube, "b")
    assert await dead.leader._try()  # it takes the Lease, and then nothing is heard of it any more
    async with standing(next_one):
        await soon(next_one.leads, "the next to lead", patience=3)
    assert next_one.epochs == [2]


async def test_who_cannot_renew_stops_before_another_may_lead(kube: FakeKube) -> None:
    first = Candidate(kube, "a")
    async with standing(first):
        await soon(first.leads, "the first to lead")
        kube.refuse = lambda method, _path: NotConnected("gone") if method in ("PUT", "GET") else None
        await soon(first.follows, "it to stop", patience=1)
        with pytest.raises(Deposed):
            first.leader.check()
        kube.refuse = lambda _method, _path: None
        await soon(first.leads, "it to lead again")


async def test_a_lease_that_is_given_away_by_hand_ends_it_at_once(kube: FakeKube) -> None:
    first = Candidate(kube, "a")
    async with standing(first):
        await soon(first.leads, "the first to lead")
        await kube.merge(LEASES, *LEASE, {"spec": {"holderIdentity": "somebody_else"}})
        await soon(first.follows, "it to stop", patience=0.5)


async def test_a_suspended_leader_may_not_write(kube: FakeKube, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    leader = Leader(kube, LEASE, "a_1", clock=lambda: now)
    with pytest.raises(Deposed):
        leader.check()
    assert await leader._try()
    leader.check()
    now = module.VALID_SECONDS + 0.01
    with pytest.raises(Deposed):
        leader.check()


async def test_a_later_epoch_that_redis_knows_of_is_exceeded(kube: FakeKube) -> None:
    first = Candidate(kube, "a")
    first.fails = Deposed("another leads", epoch=41)  # the Lease was deleted since
    async with standing(first):
        await soon(first.leads, "it to lead")
    assert first.epochs == [1, 42]


async def test_what_breaks_while_leading_is_begun_again(kube: FakeKube) -> None:
    first = Candidate(kube, "a")
    first.fails = ValueError("a bug")
    async with standing(first):
        await soon(first.leads, "it to lead")
    assert len(first.epochs) == 2


async def test_leading_that_fails_again_and_again_is_told(kube: FakeKube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.001)

    async def fail(_: int) -> None:
        raise ValueError("a bug")

    leader = Leader(kube, LEASE, "a_1")
    assert not leader.failing
    running = asyncio.create_task(leader.run(fail))
    await wait_for(lambda: _true(leader.failing), "the leader to be failing", patience=5)
    await stopped(running)


async def _true(what: bool) -> bool:
    return what
