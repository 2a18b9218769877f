from __future__ import annotations

import asyncio

import pytest

from penstock.errors import ApiRefused
from penstock_operator.api import ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS
from penstock_operator.namespaces import AGAIN_SECONDS, Namespaces
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import SETTINGS, Clock


async def test_a_namespace_gets_all_it_needs() -> None:
    kube = FakeKube()
    await Namespaces(kube, SETTINGS).ensure("shop")
    assert [len(kube.stored(kind, "shop")) for kind in (SECRETS, SERVICE_ACCOUNTS, ROLE_BINDINGS)] == [1, 1, 1]


async def test_many_who_ask_at_once_cost_one_round() -> None:
    kube = FakeKube()
    namespaces = Namespaces(kube, SETTINGS)
    await asyncio.gather(*(namespaces.ensure("shop") for _ in range(10)))
    assert len(kube.requests) == 3


async def test_what_was_deleted_comes_back_in_time() -> None:
    kube, clock = FakeKube(), Clock()
    namespaces = Namespaces(kube, SETTINGS, clock)
    await namespaces.ensure("shop")
    await kube.delete(SECRETS, "shop", "penstock-broker")
    clock.pass_(AGAIN_SECONDS - 1)
    await namespaces.ensure("shop")
    assert kube.stored(SECRETS) == []
    clock.pass_(1)
    await namespaces.ensure("shop")
    assert len(kube.stored(SECRETS)) == 1


async def test_a_failure_is_tried_again() -> None:
    kube = FakeKube()
    refusals = [ApiRefused(403, "Forbidden", "the namespace is terminating")]
    kube.refuse = lambda _method, _path: refusals.pop() if refusals else None
    namespaces = Namespaces(kube, SETTINGS)
    with pytest.raises(ApiRefused):
        await namespaces.ensure("shop")
    await namespaces.ensure("shop")
    assert len(kube.stored(ROLE_BINDINGS)) == 1
