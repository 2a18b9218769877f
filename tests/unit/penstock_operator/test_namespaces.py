from __future__ import annotations

import asyncio
from functools import partial

import pytest

from penstock.errors import ApiRefused
from penstock.kube import Resource
from penstock_operator.api import ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS
from penstock_operator.namespaces import GIVEN, REST_SECONDS, Namespaces
from penstock_operator.watching.made import Made
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import SETTINGS, Clock, told


async def test_a_namespace_gets_all_it_needs() -> None:
    kube = FakeKube()
    await Namespaces(kube, SETTINGS).ensure("shop")
    assert [len(kube.stored(kind, "shop")) for kind in (SECRETS, SERVICE_ACCOUNTS, ROLE_BINDINGS)] == [1, 1, 1]


async def test_many_who_ask_at_once_cost_one_round() -> None:
    kube = FakeKube()
    namespaces = Namespaces(kube, SETTINGS)
    await asyncio.gather(*(namespaces.ensure("shop") for _ in range(10)))
    assert len(kube.requests) == 3


class Watched:
    """Namespaces whose objects are watched, and which of them were told to have drifted."""

    def __init__(self) -> None:
        self.kube, self.clock = FakeKube(), Clock()
        self.drifted: list[str] = []
        self.namespaces = Namespaces(self.kube, SETTINGS, self.drifted.append, self.clock)
        for place, makings in self.namespaces.makings.items():
            self.kube.tell(place, partial(told, makings, Made))

    async def ensure(self) -> None:
        """A second later."""
        self.clock.pass_(REST_SECONDS)
        await self.namespaces.ensure("shop")


@pytest.fixture
async def watched() -> Watched:
    watched = Watched()
    await watched.ensure()
    return watched


NAMES = list(GIVEN.items())


@pytest.mark.parametrize(("kind", "name"), NAMES, ids=[kind.plural for kind, _ in NAMES])
async def test_what_was_deleted_is_made_again(watched: Watched, kind: Resource, name: str) -> None:
    await watched.kube.delete(kind, "shop", name)
    assert watched.drifted == ["shop"]
    await watched.ensure()
    assert len(watched.kube.stored(kind)) == 1


async def test_what_was_changed_is_as_it_was(watched: Watched) -> None:
    await watched.kube.merge(SECRETS, "shop", "penstock-broker", {"stringData": {"url": "redis://elsewhere"}})
    assert watched.drifted == ["shop"]
    await watched.ensure()
    assert watched.kube.the(SECRETS, "shop", "penstock-broker")["stringData"]["url"] == "memory://"


async def test_its_own_writes_are_no_drift_and_cost_nothing_more(watched: Watched) -> None:
    before = len(watched.kube.requests)
    for _ in range(3):
        await watched.ensure()
    assert (watched.drifted, len(watched.kube.requests)) == ([], before)


async def test_a_namespace_that_was_made_again_has_all_it_needs(watched: Watched) -> None:
    for kind, name in NAMES:
        await watched.kube.delete(kind, "shop", name)
    await watched.ensure()
    assert [len(watched.kube.stored(kind, "shop")) for kind, _ in NAMES] == [1, 1, 1]


async def test_two_who_want_it_otherwise_do_not_keep_the_server_busy(watched: Watched) -> None:
    """Another operator, say, applies its own each time."""
    watched.clock.pass_(REST_SECONDS)
    for _ in range(2):
        await watched.kube.merge(SECRETS, "shop", "penstock-broker", {"stringData": {"url": "redis://elsewhere"}})
        mending = asyncio.create_task(watched.namespaces.ensure("shop"))
        await asyncio.wait([mending], timeout=0.1)
    assert not mending.done()
    mending.cancel()


async def test_who_leads_again_looks_again(watched: Watched) -> None:
    watched.kube.vanish(SECRETS, "shop", "penstock-broker")
    watched.namespaces.resume()
    await watched.ensure()
    assert len(watched.kube.stored(SECRETS)) == 1


async def test_a_failure_is_tried_again() -> None:
    kube = FakeKube()
    refusals = [ApiRefused(403, "Forbidden", "the namespace is terminating")]
    kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
    clock = Clock()
    namespaces = Namespaces(kube, SETTINGS, clock=clock)
    with pytest.raises(ApiRefused):
        await namespaces.ensure("shop")
    clock.pass_(REST_SECONDS)
    await namespaces.ensure("shop")
    assert len(kube.stored(ROLE_BINDINGS)) == 1
