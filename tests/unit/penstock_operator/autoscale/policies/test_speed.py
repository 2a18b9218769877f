from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.autoscale.history import History
from penstock_operator.autoscale.policies.speed import paced
from tests.unit.penstock_operator.autoscale.cases import NOW, case, histories, history, proposed, rules

PODS_4: dict[str, Any] = {"type": "Pods", "value": 4, "periodSeconds": 60}
TENTH = {"type": "Percent", "value": 10, "periodSeconds": 60}


def walk(current: int, asked: int, looks: int = 99, seconds: float = 60, **rules: Any) -> list[int]:
    """What is decided, one look after the other, until it comes to rest."""
    past, now, found = History.begin(current, NOW), NOW, [current]
    for _ in range(looks):
        now += seconds
        replicas = paced(proposed(asked), case(history=past, now=now, **rules)).replicas
        if replicas == found[-1]:
            break
        found.append(replicas)
        past = History(now, past.recommended, (*past.decided, (now, replicas)))
    return found


def test_kubernetes_example_of_two_policies() -> None:
    """80 replicas to 10: by 10% (rounded up, 8 of 80 and of 72) above 40, then by 4 pods each minute."""
    steps = walk(80, 10, scale_down={"policies": [PODS_4, TENTH]})
    assert steps == [80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10]


def test_kubernetes_example_of_a_tenth_a_minute() -> None:
    assert walk(80, 70, scale_down={"policies": [TENTH]}) == [80, 72, 70]


def test_kubernetes_example_of_no_more_than_five() -> None:
    five = {"type": "Pods", "value": 5, "periodSeconds": 60}
    steps = walk(80, 0, scale_down={"policies": [TENTH, five], "selectPolicy": "Min"})
    assert steps[:8] == [80, 75, 70, 65, 60, 55, 50, 45]
    assert steps[-3:] == [2, 1, 0]
    assert all(before - after <= 5 for before, after in pairwise(steps))


def test_kubernetes_default_of_scaling_up() -> None:
    """4 pods or 100%, whichever is more, every 15 s."""
    policies = [
        {"type": "Percent", "value": 100, "periodSeconds": 15},
        {"type": "Pods", "value": 4, "periodSeconds": 15},
    ]
    assert walk(1, 100, seconds=15, scale_up={"policies": policies}) == [1, 5, 10, 20, 40, 80, 100]


def test_kubernetes_default_of_scaling_down() -> None:
    everything = {"type": "Percent", "value": 100, "periodSeconds": 15}
    assert walk(80, 0, scale_down={"policies": [everything]}) == [80, 0]


@pytest.mark.parametrize(("direction", "asked"), [("scale_up", 9), ("scale_down", 1)])
def test_disabled_stays(direction: str, asked: int) -> None:
    disabled: dict[str, Any] = {direction: {"selectPolicy": "Disabled"}}
    there = case(current=5, **disabled)
    found = paced(proposed(asked), there)
    assert (found.replicas, found.reason) == (5, "RateLimited")
    assert paced(proposed(10 - asked), there).replicas == 10 - asked


def test_a_period_counts_from_its_start() -> None:
    """Two more were added 30 s ago: two of the four are left; after a minute, four again."""
    rules: dict[str, Any] = {"scale_up": {"policies": [PODS_4]}}
    assert paced(proposed(99), case(history=history((30, 12), begin=10), **rules)).replicas == 14
    assert paced(proposed(99), case(history=history((60, 12), begin=10), **rules)).replicas == 16
    assert paced(proposed(99), case(history=history((30, 14), begin=10), **rules)).replicas == 14


@pytest.mark.parametrize("value", [1, 50, 100])
def test_from_nothing_any_percentage_allows_a_first(value: int) -> None:
    percent = {"type": "Percent", "value": value, "periodSeconds": 60}
    steps = walk(0, 5, scale_up={"policies": [percent]})
    assert steps[:3] == [0, 1, 2]
    assert steps[-1] == 5


def test_without_policies_it_is_at_once() -> None:
    none: list[dict[str, Any]] = [
        {},
        {"scale_up": {"stabilizationWindowSeconds": 9}, "scale_down": {"selectPolicy": "Min"}},
    ]
    for unlimited in none:
        assert paced(proposed(1000), case(current=1, **unlimited)).replicas == 1000
        assert paced(proposed(0), case(current=1000, **unlimited)).replicas == 0


def test_it_says_how_far_it_may_go() -> None:
    found = paced(proposed(99), case(current=10, scale_up={"policies": [PODS_4]}))
    assert found.message == "so many tasks; scaleUp allows 14 for now"


@given(st.integers(0, 60), histories(), rules, rules)
def test_it_lies_between_what_there_is_and_what_is_asked(asked: int, past: History, up: object, down: object) -> None:
    found = paced(proposed(asked), case(history=past, scale_up=up, scale_down=down)).replicas
    assert min(asked, past.replicas) <= found <= max(asked, past.replicas)


@given(st.integers(0, 60), st.integers(0, 60), histories(), rules, rules)
def test_more_stays_more(one: int, other: int, past: History, up: object, down: object) -> None:
    there = case(history=past, scale_up=up, scale_down=down)
    found = [paced(proposed(asked), there).replicas for asked in sorted((one, other))]
    assert found == sorted(found)
