from __future__ import annotations

import pytest

from penstock.errors import ApiRefused
from penstock.resources.pool import WorkerPool
from penstock_operator.api import PODS
from penstock_operator.pools.disruption import BUSY_SECONDS, IDLE_SECONDS, MARKS
from penstock_operator.pools.protection import WRITES_PER_SECOND, Protection
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, Clock
from tests.unit.penstock_operator.test_manifests import pool

PROTECTED, UNPROTECTED = pool(disruption={"protectBusy": True}), pool()


class Rig:
    """Pods of one pool, as far as the operator has seen them."""

    def __init__(self) -> None:
        self.clock, self.kube = Clock(), FakeKube()
        self.protection = Protection(self.kube, self.clock)

    async def start(self, *pods: str) -> None:
        """Have pods."""
        for pod in pods:
            await self.kube.create(PODS, NAMESPACE, {"metadata": {"name": pod}, "spec": {}})

    async def look(self, *busy: str, mine: WorkerPool = PROTECTED) -> None:
        """The operator looks at them, a second later."""
        self.clock.pass_(1)
        await self.protection.ensure(mine, self.annotations(), busy)

    def annotations(self) -> dict[str, dict[str, str]]:
        """Of all pods."""
        return {body["metadata"]["name"]: body["metadata"].get("annotations", {}) for body in self.kube.stored(PODS)}

    def marked(self) -> list[str]:
        """The pods that carry both marks."""
        return [pod for pod, annotations in self.annotations().items() if annotations.items() >= MARKS.items()]

    @property
    def writes(self) -> int:
        """Of pods, so far."""
        return self.kube.written("PATCH", "pods")


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.start("a", "b")
    return rig


async def test_a_busy_pod_is_marked_and_an_idle_one_unmarked(rig: Rig) -> None:
    for _ in range(int(BUSY_SECONDS) + 1):
        await rig.look("a")
    assert rig.marked() == ["a"]
    for _ in range(int(IDLE_SECONDS) + 1):
        await rig.look()
    assert (rig.marked(), rig.writes) == ([], 2)


async def test_short_tasks_cost_no_writes(rig: Rig) -> None:
    for _ in range(10):
        await rig.look("a")
        await rig.look()
    assert rig.writes == 0


async def test_short_pauses_cost_none_either(rig: Rig) -> None:
    for _ in range(5):
        for _ in range(int(BUSY_SECONDS) + 2):
            await rig.look("a")
        await rig.look()
    assert (rig.marked(), rig.writes) == (["a"], 1)


async def test_nobody_knows_is_not_idle(rig: Rig) -> None:
    for _ in range(int(BUSY_SECONDS) + 1):
        await rig.look("a")
    for _ in range(2 * int(IDLE_SECONDS)):
        rig.clock.pass_(1)
        await rig.protection.ensure(PROTECTED, rig.annotations(), None)
    assert rig.marked() == ["a"]


async def test_a_pool_that_is_not_protected_is_left_alone_and_what_was_marked_is_unmarked(rig: Rig) -> None:
    for _ in range(5):
        await rig.look("a", "b", mine=UNPROTECTED)
    assert rig.writes == 0
    for _ in range(int(BUSY_SECONDS) + 1):
        await rig.look("a", "b")
    assert rig.marked() == ["a", "b"]
    await rig.look("a", "b", mine=UNPROTECTED)
    assert rig.marked() == []


async def test_no_more_writes_a_second_than_agreed(rig: Rig) -> None:
    pods = [f"p-{number:02}" for number in range(35)]
    await rig.start(*pods)
    counts = []
    for _ in range(int(BUSY_SECONDS) + 5):
        before = rig.writes
        await rig.look(*pods)
        counts.append(rig.writes - before)
    assert max(counts) == WRITES_PER_SECOND
    assert rig.marked() == pods


async def test_a_write_that_is_not_seen_yet_is_not_sent_again(rig: Rig) -> None:
    stale = rig.annotations()
    for _ in range(int(BUSY_SECONDS) + 5):
        rig.clock.pass_(1)
        await rig.protection.ensure(PROTECTED, stale, {"a"})
    assert rig.writes == 1


async def test_a_pod_that_went_meanwhile_is_no_error(rig: Rig) -> None:
    seen = rig.annotations()
    rig.kube.vanish(PODS, NAMESPACE, "a")
    for _ in range(int(BUSY_SECONDS) + 1):
        rig.clock.pass_(1)
        await rig.protection.ensure(PROTECTED, seen, {"a", "b"})
    assert rig.marked() == ["b"]


async def test_a_refusal_is_raised_and_the_next_look_tries_again(rig: Rig) -> None:
    rig.kube.refuse = lambda method, _path: ApiRefused(403, "Forbidden", "no") if method == "PATCH" else None
    for _ in range(int(BUSY_SECONDS)):
        await rig.look("a")
    with pytest.raises(ApiRefused):
        await rig.look("a")
    rig.kube.refuse = lambda _method, _path: None
    await rig.look("a")
    assert rig.marked() == ["a"]


async def test_a_pool_that_is_gone_is_forgotten(rig: Rig) -> None:
    for _ in range(int(BUSY_SECONDS)):
        await rig.look("a")
    rig.protection.gone((NAMESPACE, "fast"))
    await rig.look("a")
    assert rig.marked() == []
