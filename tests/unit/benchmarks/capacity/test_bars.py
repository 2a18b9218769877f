from __future__ import annotations

import pytest
from benchmarks.capacity.bars import judge
from benchmarks.peers.bars import Verdict

FIGURES = {
    "raw": 500.0,
    "sustained": 300.0,
    "jobs": 15.0,
    "p50": 30.0,
    "p99": 150.0,
    "peak 50000": 500.0,
    "cost 5000": 0.001,
    "cost 50000": 0.0013,
    "restart 50000": 30.0,
}


def test_what_just_meets_them_meets_them() -> None:
    assert {bar.verdict for bar in judge(FIGURES)} == {Verdict.MET}


@pytest.mark.parametrize(
    ("name", "value", "missed"),
    [
        ("raw", 501.0, 1),
        ("sustained", 299.0, 2),
        ("jobs", 15.1, 1),
        ("p50", 30.1, 1),
        ("p99", 151.0, 1),
        ("peak 50000", 501.0, 1),
        ("cost 50000", 0.00131, 1),
        ("restart 50000", 31.0, 1),
    ],
)
def test_a_little_worse_misses(name: str, value: float, missed: int) -> None:
    verdicts = [bar.verdict for bar in judge(FIGURES | {name: value})]
    assert verdicts.count(Verdict.MISSED) == missed


def test_what_was_not_measured_is_open_and_says_so() -> None:
    bars = judge({})
    assert {bar.verdict for bar in bars} == {Verdict.OPEN}
    assert "raw" in bars[0].measured
