from __future__ import annotations

from functools import partial

import pytest

from penstock.errors import ApiRefused, ConfigurationError
from penstock.kube import Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import POD_DISRUPTION_BUDGETS, Key
from penstock_operator.pools.budgets import Budgets
from penstock_operator.watching.made import Made
from tests.unit.fake_kube import FakeKube
from tests.unit.penstock_operator.rig import NAMESPACE, told
from tests.unit.penstock_operator.test_manifests import pool

ONE, HALF, NONE = (
    pool(disruption={"budget": {"maxUnavailable": 1}}),
    pool(disruption={"budget": {"minAvailable": "50%"}}),
    pool(),
)


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


def stored(kube: FakeKube) -> list[Manifest]:
    return kube.stored(POD_DISRUPTION_BUDGETS, NAMESPACE)


async def somebodys(kube: FakeKube) -> None:
    body = {"metadata": {"name": "fast-workers"}, "spec": {"maxUnavailable": 3}}
    await kube.create(POD_DISRUPTION_BUDGETS, NAMESPACE, body)


async def test_a_budget_is_made_changed_and_taken_away(kube: FakeKube) -> None:
    budgets = Budgets(kube)
    await budgets.ensure(ONE)
    assert [body["spec"]["maxUnavailable"] for body in stored(kube)] == [1]
    await budgets.ensure(HALF)
    assert [body["spec"]["minAvailable"] for body in stored(kube)] == ["50%"]
    await budgets.ensure(NONE)
    assert stored(kube) == []


@pytest.mark.parametrize("mine", [ONE, NONE])
async def test_nothing_new_costs_nothing(kube: FakeKube, mine: WorkerPool) -> None:
    budgets = Budgets(kube)
    await budgets.ensure(mine)
    before = len(kube.requests)
    for _ in range(3):
        await budgets.ensure(mine)
    assert len(kube.requests) == before


@pytest.mark.parametrize("deleted", [True, False])
async def test_what_was_deleted_or_changed_is_told_and_made_again(kube: FakeKube, deleted: bool) -> None:
    drifted: list[Key] = []
    budgets = Budgets(kube, drifted.append)
    kube.tell(POD_DISRUPTION_BUDGETS, partial(told, budgets.makings, Made))
    await budgets.ensure(ONE)
    assert drifted == []
    if deleted:
        await kube.delete(POD_DISRUPTION_BUDGETS, NAMESPACE, "fast-workers")
    else:
        await kube.merge(POD_DISRUPTION_BUDGETS, NAMESPACE, "fast-workers", {"spec": {"maxUnavailable": 9}})
    assert drifted == [(NAMESPACE, "fast")]
    await budgets.ensure(ONE)
    assert [body["spec"]["maxUnavailable"] for body in stored(kube)] == [1]


async def test_another_operator_takes_away_what_it_did_not_make(kube: FakeKube) -> None:
    await Budgets(kube).ensure(ONE)
    await Budgets(kube).ensure(NONE)
    assert stored(kube) == []


async def test_who_leads_again_looks_again(kube: FakeKube) -> None:
    budgets = Budgets(kube)
    await budgets.ensure(ONE)
    await Budgets(kube).ensure(HALF)  # another led meanwhile
    budgets.resume()
    await budgets.ensure(ONE)
    assert [body["spec"].get("maxUnavailable") for body in stored(kube)] == [1]


async def test_that_of_an_earlier_pool_of_this_name_becomes_this_ones(kube: FakeKube) -> None:
    budgets = Budgets(kube)
    await budgets.ensure(ONE)
    budgets.gone((NAMESPACE, "fast"))
    meta = ONE.metadata.model_copy(update={"uid": "uid-2"})
    await budgets.ensure(ONE.model_copy(update={"metadata": meta}))
    assert [owner["uid"] for body in stored(kube) for owner in body["metadata"]["ownerReferences"]] == ["uid-2"]


async def test_somebody_elses_of_the_same_name_is_left_alone_and_named(kube: FakeKube) -> None:
    await somebodys(kube)
    await Budgets(kube).ensure(NONE)
    with pytest.raises(ConfigurationError, match="there is a PodDisruptionBudget fast-workers that isn't the pool's"):
        await Budgets(kube).ensure(ONE)
    assert [body["spec"] for body in stored(kube)] == [{"maxUnavailable": 3}]


async def test_a_refusal_is_raised_and_the_next_call_tries_again(kube: FakeKube) -> None:
    refusals = [ApiRefused(403, "Forbidden", "poddisruptionbudgets is forbidden")]
    kube.refuse = lambda method, _path: refusals.pop() if refusals and method == "PATCH" else None
    budgets = Budgets(kube)
    with pytest.raises(ApiRefused, match="forbidden"):
        await budgets.ensure(ONE)
    await budgets.ensure(ONE)
    assert len(stored(kube)) == 1
