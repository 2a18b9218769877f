from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_operator.merge import merge

scalars = st.booleans() | st.integers() | st.text(max_size=5)
names = st.sampled_from(["spec", "containers", "env", "volumes", "name", "image", "labels", "value"])
documents = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3), max_leaves=12
)
maps = st.dictionaries(names, documents, max_size=4)


@given(maps)
def test_no_change_changes_nothing(base: dict[str, object]) -> None:
    assert merge(base, {}) == base


@given(maps, maps)
def test_neither_side_is_altered(base: dict[str, object], change: dict[str, object]) -> None:
    before = copy.deepcopy((base, change))
    merge(base, change)
    assert (base, change) == before


@given(maps, maps)
def test_every_field_of_either_side_is_there(base: dict[str, object], change: dict[str, object]) -> None:
    assert set(merge(base, change)) == set(base) | set(change)


@given(st.dictionaries(names, scalars), st.dictionaries(names, scalars))
def test_the_change_wins(base: dict[str, object], change: dict[str, object]) -> None:
    assert merge(base, change) == base | change


@pytest.mark.parametrize(
    ("base", "change", "merged"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
        (
            {"containers": [{"name": "worker", "image": "a"}]},
            {"containers": [{"name": "sidecar"}, {"name": "worker", "tty": True}]},
            {"containers": [{"name": "worker", "image": "a", "tty": True}, {"name": "sidecar"}]},
        ),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]},
            {"env": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}]},
        ),
        ({"volumes": [{"name": []}]}, {"volumes": [{"name": {}}]}, {"volumes": [{"name": []}, {"name": {}}]}),
        (
            {"volumeMounts": [{"mountPath": "/tmp", "name": "tmp"}]},
            {"volumeMounts": [{"mountPath": "/tmp", "name": "big"}]},
            {"volumeMounts": [{"mountPath": "/tmp", "name": "big"}]},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"containers": [{"name": "worker"}]}, {"containers": "nonsense"}, {"containers": "nonsense"}),
    ],
)
def test_lists_of_a_pod_merge_by_their_keys_and_others_are_replaced(
    base: object, change: object, merged: object
) -> None:
    assert merge(base, change) == merged
