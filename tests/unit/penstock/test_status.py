from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from penstock.status import TERMINAL, Phase, may_follow

phases = st.sampled_from(Phase)
OPEN = [phase for phase in Phase if not phase.terminal]


@given(phases, phases)
def test_terminal_is_final(old: Phase, new: Phase) -> None:
    if old.terminal:
        assert may_follow(old, new) == (old == new)


@given(phases)
def test_staying_put_is_always_legal(phase: Phase) -> None:
    assert may_follow(phase, phase)


def test_every_open_phase_may_end_in_any_way() -> None:
    assert all(may_follow(old, new) for old, new in product(OPEN, TERMINAL))


@given(st.lists(phases, min_size=1))
def test_a_legal_path_ends_once(path: list[Phase]) -> None:
    walked = [Phase.PENDING]
    for phase in path:
        if may_follow(walked[-1], phase):
            walked.append(phase)
    ends = {phase for phase in walked if phase.terminal}
    assert len(ends) <= 1
    assert all(phase == walked[-1] for phase in walked if phase.terminal)


def test_every_phase_can_be_reached_from_the_first() -> None:
    reached, before = {Phase.PENDING}, set[Phase]()
    while reached != before:
        before = set(reached)
        reached |= {new for old in before for new in Phase if may_follow(old, new)}
    assert reached == set(Phase)


def test_what_has_been_queued_is_never_new_again() -> None:
    assert not any(may_follow(old, Phase.PENDING) for old in OPEN if old not in (Phase.PENDING, Phase.BLOCKED))


def test_only_an_attempt_leads_to_another_one() -> None:
    assert may_follow(Phase.RUNNING, Phase.RETRYING)
    assert may_follow(Phase.RETRYING, Phase.RUNNING)
    assert may_follow(Phase.RUNNING, Phase.QUEUED)  # handed back, or its worker died
    assert not may_follow(Phase.RUNNING, Phase.BLOCKED)
