from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.worker.recycling import Limits, due, resident_bytes


def nothing() -> int:
    raise AssertionError("memory isn't looked at without a limit")


def test_without_limits_it_goes_on_for_ever() -> None:
    assert due(Limits(), 10**9, nothing) is None


def test_enough_tasks_are_enough() -> None:
    assert due(Limits(max_tasks=10), 9, nothing) is None
    assert due(Limits(max_tasks=10), 10, nothing) == "it has run 10 tasks, of at most 10"


def test_so_is_too_much_memory() -> None:
    limits = Limits(max_memory_bytes=100 * 2**20)
    assert due(limits, 0, lambda: 99 * 2**20) is None
    assert due(limits, 0, lambda: 120 * 2**20) == "120 MiB are resident, of at most 100"


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_processes_are_not_replaced_all_at_once(tasks: int, chance: float) -> None:
    spread = Limits(max_tasks=tasks).jittered(lambda: chance).max_tasks
    assert spread is not None
    assert max(1, 0.9 * tasks - 1) <= spread <= 1.1 * tasks + 1


def test_memory_is_measured() -> None:
    assert 2**20 < resident_bytes() < 2**34
