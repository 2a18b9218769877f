import pytest
from benchmarks.autoscale.bars import judge
from benchmarks.autoscale.figures import Spread
from benchmarks.peers.bars import Verdict


def row(late: float, pods: float) -> dict[str, Spread]:
    return {"late": Spread(late, late, late), "pod seconds": Spread(pods, pods, pods)}


@pytest.mark.parametrize(
    ("own", "peer", "verdict"),
    [
        ((0.01, 70), (0.01, 100), Verdict.MET),
        ((0.007, 100), (0.01, 100), Verdict.MET),
        ((0.01, 71), (0.01, 100), Verdict.MISSED),  # not by 30 %
        ((0.011, 10), (0.01, 100), Verdict.MISSED),  # worse in one
        ((0.0, 101), (0.01, 100), Verdict.MISSED),
        ((0.0, 70), (0.0, 100), Verdict.MET),
        ((0.001, 10), (0.0, 100), Verdict.MISSED),
    ],
)
def test_as_good_in_both_and_far_better_in_one(
    own: tuple[float, float], peer: tuple[float, float], verdict: Verdict
) -> None:
    (bar,) = judge({"steady": {"penstock": row(*own), "keda": row(*peer)}})
    assert bar.verdict is verdict
    assert bar.wanted == "steady: penstock against keda"


def test_nothing_to_compare_is_no_bar() -> None:
    assert judge({"steady": {"penstock": row(0, 1), "hpa": row(0, 1)}}) == []
