from __future__ import annotations

import pytest

from penstock.kube import Manifest
from penstock_operator.manifests import deployment, selector
from penstock_operator.pools.disruption import (
    BUSY_SECONDS,
    IDLE_SECONDS,
    MARKS,
    Spell,
    budget,
    changes,
    markable,
    spells,
)
from tests.unit.penstock_operator.rig import SETTINGS
from tests.unit.penstock_operator.test_manifests import pool

NOW = 1000.0
JUST_BUSY, LONG_BUSY = Spell(True, NOW - BUSY_SECONDS + 0.1), Spell(True, NOW - BUSY_SECONDS)
JUST_IDLE, LONG_IDLE = Spell(False, NOW - IDLE_SECONDS + 0.1), Spell(False, NOW - IDLE_SECONDS)


def patch(annotations: dict[str, str | None]) -> Manifest:
    return {"metadata": {"annotations": annotations}}


def due(annotations: dict[str, str], spell: Spell) -> Manifest | None:
    return changes({"a": annotations}, {"a": spell}, MARKS, NOW).get("a")


@pytest.mark.parametrize("asked", [{"maxUnavailable": 1}, {"minAvailable": "50%"}])
def test_a_pool_that_asks_for_one_gets_a_budget_of_its_own(asked: Manifest) -> None:
    mine = pool(disruption={"budget": asked})
    body = budget(mine)
    assert body is not None
    assert (body["apiVersion"], body["kind"]) == ("policy/v1", "PodDisruptionBudget")
    assert body["metadata"] == deployment(mine, 1, SETTINGS)["metadata"]
    assert body["spec"] == {
        **asked,
        "selector": {"matchLabels": selector("fast")},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_others_have_none() -> None:
    assert budget(pool()) is None
    assert budget(pool(disruption={"protectBusy": True})) is None


def test_a_pod_is_marked_once_it_has_been_busy_for_a_while() -> None:
    assert due({}, JUST_BUSY) is None
    assert due({"other": "x"}, LONG_BUSY) == patch(dict(MARKS))


def test_the_marks_go_once_it_has_been_idle_for_a_while() -> None:
    assert due(dict(MARKS), JUST_IDLE) is None
    assert due({**MARKS, "other": "x"}, LONG_IDLE) == patch(dict.fromkeys(MARKS))


def test_a_pod_that_is_marked_right_needs_nothing() -> None:
    assert due(dict(MARKS), LONG_BUSY) is None
    assert due({"other": "x"}, LONG_IDLE) is None


def test_one_mark_of_two_is_put_right() -> None:
    some = dict(list(MARKS.items())[:1])
    assert due(some, LONG_BUSY) == patch(dict(MARKS))
    assert due(some, LONG_IDLE) == patch(dict.fromkeys(MARKS))


def test_protecting_comes_first() -> None:
    pods: dict[str, dict[str, str]] = {"idle": dict(MARKS), "busy": {}}
    assert list(changes(pods, {"idle": LONG_IDLE, "busy": LONG_BUSY}, MARKS, NOW)) == ["busy", "idle"]


def test_a_spell_lasts_until_the_pod_changes() -> None:
    first = spells({}, ["a", "b"], {"a"}, 1.0)
    assert first == {"a": Spell(True, 1.0), "b": Spell(False, 1.0)}
    assert spells(first, ["a", "b"], {"a"}, 2.0) == first
    assert spells(first, ["a", "c"], {"c"}, 3.0) == {"a": Spell(False, 3.0), "c": Spell(True, 3.0)}


def test_what_the_template_says_itself_stands() -> None:
    mark = "karpenter.sh/do-not-disrupt"
    mine = pool(template={"metadata": {"annotations": {mark: "true", "other": "x"}}})
    assert markable(mine) == MARKS.keys() - {mark}
    assert changes({"a": {mark: "true"}}, {"a": LONG_IDLE}, markable(mine), NOW) == {}
    assert markable(pool()) == MARKS.keys()


@pytest.mark.parametrize("template", [{"metadata": None}, {"metadata": "odd"}, {"metadata": {"annotations": ["odd"]}}])
def test_a_template_that_is_none_is_for_the_deployment_to_complain_of(template: Manifest) -> None:
    assert markable(pool(template=template)) == MARKS.keys()
