"""Following a collection through everything that a watch may suffer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence

import pytest

from penstock.errors import ApiRefused, NotConnected
from penstock.kube import Manifest
from penstock.report import TASKS
from penstock_operator.admission.view import TaskView
from penstock_operator.watching import informer as module
from penstock_operator.watching.informer import Informer
from penstock_operator.watching.source import Source
from tests.unit.fake_kube import PAGE, FakeKube
from tests.waiting import outlast, wait_for

PAGES = -(-3 // PAGE)  # of the three that are there


class Heard:
    """What an informer has told."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskView] = {}
        self.times = 0
        self.fails_at = ""

    def seen(self, task: TaskView) -> None:
        if task.ref.name == self.fails_at:
            raise LookupError("a bug")
        self.tasks[task.uid] = task
        self.times += 1

    def gone(self, uid: str) -> None:
        self.tasks.pop(uid, None)

    def uids(self, namespace: str | None) -> Collection[str]:
        return [uid for uid, task in self.tasks.items() if namespace in (None, task.ref.namespace)]

    def names(self) -> set[str]:
        return {task.ref.name for task in self.tasks.values()}


class Rig:
    def __init__(self) -> None:
        self.kube = FakeKube()
        self.heard = Heard()
        self.informer = Informer(self.kube, Source(TASKS.path(), TaskView), self.heard, silence=0.2, random=lambda: 0.0)

    async def create(self, *names: str, **spec: object) -> None:
        for name in names:
            await self.kube.create(TASKS, "shop", task(name, **spec))

    async def knows(self, *names: str) -> None:
        async def all_known() -> bool:
            return self.heard.names() == set(names)

        await wait_for(all_known, f"{names} to be known", patience=5)

    def lists(self) -> int:
        return sum(one == ("GET", TASKS.path()) for one in self.kube.requests)


def task(name: str, **spec: object) -> Manifest:
    return {"metadata": {"name": name}, "spec": {"task": "mail.send", **spec}}


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.create("a", "b", "c")
    running = asyncio.create_task(rig.informer.run())
    await asyncio.wait_for(rig.informer.synced.wait(), 5)
    yield rig
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_all_that_is_there_is_told_before_it_is_synced(rig: Rig) -> None:
    assert rig.heard.names() == {"a", "b", "c"}


async def test_changes_and_deletions_are_told(rig: Rig) -> None:
    await rig.create("d")
    await rig.kube.delete(TASKS, "shop", "a")
    await rig.knows("b", "c", "d")
    assert rig.heard.times == 4  # nothing twice


async def test_a_watch_that_breaks_goes_on_where_it_was(rig: Rig) -> None:
    pages = rig.lists()
    rig.kube.break_watches()
    await rig.create("d")
    rig.kube.cut.clear()
    await rig.knows("a", "b", "c", "d")
    assert rig.lists() == pages


async def test_a_watch_that_ends_goes_on_where_it_was(rig: Rig) -> None:
    pages = rig.lists()
    rig.kube.end_watch()

    async def ended() -> bool:
        return not rig.kube.over

    await wait_for(ended, "the watch to end")
    await rig.create("d")
    await rig.knows("a", "b", "c", "d")
    assert rig.lists() == pages


async def test_a_silent_watch_is_taken_for_dead(rig: Rig) -> None:
    before = rig.kube.requests.count(("WATCH", TASKS.path()))

    async def anew() -> bool:
        return rig.kube.requests.count(("WATCH", TASKS.path())) > before

    await wait_for(anew, "another watch", patience=5)
    await rig.create("d")
    await rig.knows("a", "b", "c", "d")


async def test_when_history_is_forgotten_all_is_listed_and_what_is_missing_was_deleted(rig: Rig) -> None:
    rig.kube.refuse = lambda method, _path: NotConnected("away") if method == "WATCH" else None
    rig.kube.break_watches()
    await rig.create("d")
    await rig.kube.delete(TASKS, "shop", "b")
    rig.kube.compact()
    rig.kube.cut.clear()
    rig.kube.refuse = lambda _method, _path: None
    await rig.knows("a", "c", "d")


@pytest.mark.parametrize("error", [NotConnected("away"), ApiRefused(503, "Unavailable", "starting")])
async def test_an_outage_is_waited_out(rig: Rig, error: NotConnected | ApiRefused) -> None:
    rig.kube.refuse = lambda _method, _path: error
    rig.kube.break_watches()
    rig.kube.refuse, refused = _thrice(error, rig.kube), rig.kube.refuse
    assert refused("GET", "") is error
    rig.kube.cut.clear()
    await rig.create("d")
    await rig.knows("a", "b", "c", "d")


def _thrice(error: NotConnected | ApiRefused, kube: FakeKube) -> Callable[[str, str], NotConnected | ApiRefused | None]:
    left = [3]

    def refuse(method: str, _path: str) -> NotConnected | ApiRefused | None:
        if method != "WATCH" or not left[0]:
            return None
        left[0] -= 1
        return error

    return refuse


async def test_what_is_not_understood_is_told_as_such(rig: Rig) -> None:
    await rig.create("odd", priority="urgent")
    await rig.create("fine")
    await rig.knows("a", "b", "c", "odd", "fine")
    [odd] = [task for task in rig.heard.tasks.values() if task.ref.name == "odd"]
    assert odd.problem == "spec.priority: Invalid enum value 'urgent'"


async def test_a_listener_that_fails_at_one_hears_of_the_others(rig: Rig) -> None:
    rig.heard.fails_at = "bad"
    await rig.create("bad", "good")
    await rig.knows("a", "b", "c", "good")


async def test_errors_do_not_make_it_list_without_a_pause(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an API server that starts, or a broken proxy, answers each watch with one."""

    async def broken(path: str, query: Mapping[str, str]) -> AsyncGenerator[Sequence[bytes], None]:
        yield [b'{"type": "ERROR", "object": {"code": 500, "message": "etcd"}}']

    monkeypatch.setattr(rig.kube, "lines", broken)
    rig.kube.break_watches()
    before = rig.lists()
    await asyncio.to_thread(outlast, 0.5, "errors without end")
    assert rig.lists() - before <= 6 * PAGES


@pytest.mark.parametrize("status", [403, 404])
async def test_a_namespace_that_may_not_be_read_keeps_nobody_waiting(status: int) -> None:
    kube, heard = FakeKube(), Heard()
    kube.refuse = lambda _method, _path: ApiRefused(status, "No", "the namespace is gone")
    informer = Informer(kube, Source(TASKS.path("gone"), TaskView, "gone"), heard, random=lambda: 0.0)
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(informer.synced.wait(), 5)
    kube.refuse = lambda _method, _path: None
    await kube.create(TASKS, "gone", task("a"))

    async def known() -> bool:
        return heard.names() == {"a"}

    await wait_for(known, "the Task of the namespace that is there again")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_all_of_the_cluster_has_to_be_read() -> None:
    kube = FakeKube()
    kube.refuse = lambda _method, _path: ApiRefused(403, "Forbidden", "no rights")
    informer = Informer(kube, Source(TASKS.path(), TaskView), Heard(), random=lambda: 0.0)
    running = asyncio.create_task(informer.run())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(informer.synced.wait(), 0.2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_all_is_compared_from_time_to_time() -> None:
    rig = Rig()
    rig.informer = Informer(
        rig.kube, Source(TASKS.path(), TaskView), rig.heard, silence=0.05, compare=0.1, random=lambda: 0.0
    )
    await rig.create("a")
    running = asyncio.create_task(rig.informer.run())
    await rig.knows("a")
    rig.kube.vanish(TASKS, "shop", "a")
    await rig.knows()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
