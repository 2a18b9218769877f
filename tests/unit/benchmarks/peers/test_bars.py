from __future__ import annotations

import pytest
from benchmarks.peers.bars import Bar, Verdict, judge
from benchmarks.peers.figures import Row
from benchmarks.peers.options import MEASUREMENTS, Options
from benchmarks.peers.systems import OWN, PEERS, SYSTEMS
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.benchmarks.peers.cases import (
    burned,
    drained,
    enqueued,
    failed,
    figures,
    napped,
    peers,
    run,
    timed,
    traced,
    written,
)


def bar(start: str, *rows: Row) -> Bar:
    """The one that begins so."""
    [found] = [bar for bar in judge(figures(*rows), cores=2) if bar.wanted.startswith(start)]
    return found


def test_nothing_measured_is_no_bar_met() -> None:
    assert {bar.verdict for bar in judge({}, cores=2)} == {Verdict.OPEN}


@pytest.mark.parametrize(("rate", "verdict"), [(20_000, Verdict.MET), (19_999, Verdict.MISSED)])
def test_ten_times_the_fastest_peer(rate: float, verdict: Verdict) -> None:
    rows = [drained(OWN, rate), *peers(1_000), drained(PEERS[0], 3_000, number=2)]
    assert bar("drain ≥ 10", *rows).verdict is verdict  # that peer's median is 2,000


@pytest.mark.parametrize(("rate", "verdict"), [(30_000, Verdict.MET), (29_999, Verdict.MISSED)])
def test_with_arguments_fifteen_times_the_fastest_peer(rate: float, verdict: Verdict) -> None:
    rows = [written("arguments", peer, 2_000 if peer == PEERS[-1] else 1_000) for peer in PEERS]
    assert bar("drain of tasks with arguments ≥ 15", written("arguments", OWN, rate), *rows).verdict is verdict


def test_a_long_backlog_is_drained_at_the_rate_of_a_short_one() -> None:
    short = written("default", OWN, 50_000)
    long = (written("backlog", OWN, rate, tasks=50 * 20_000) for rate in (45_000, 44_900))
    met, missed = (bar("a backlog of 50 times", short, row).verdict for row in long)
    assert (met, missed) == (Verdict.MET, Verdict.MISSED)
    assert bar("a backlog of 50 times", short).verdict is Verdict.OPEN


def test_a_peer_that_failed_might_be_the_best() -> None:
    rows = [drained(OWN, 50_000), *peers(1_000)[1:], failed(PEERS[0])]
    found = bar("drain ≥ 10", *rows)
    assert (found.verdict, PEERS[0] in found.measured) == (Verdict.OPEN, True)


def test_a_bar_that_the_slow_peers_make_us_miss_is_missed_whatever_the_others_do() -> None:
    assert bar("drain ≥ 10", drained(OWN, 9_000), drained(PEERS[0], 1_000)).verdict is Verdict.MISSED


def test_one_span_missing_is_one_too_many() -> None:
    rows = [*peers(1_000), drained(OWN, 50_000)]
    assert bar("drain with every trace", *rows, traced(2_500)).verdict is Verdict.MET
    assert bar("drain with every trace", *rows, traced(2_500, missing=1)).verdict is Verdict.MISSED
    assert bar("drain with every trace", *rows, traced(2_500, traces=19_999)).verdict is Verdict.MISSED


def test_latency_is_compared_with_the_best_peer() -> None:
    rows = [timed(peer, 0.5, 1.0) for peer in PEERS[1:]]
    own = timed(OWN, 0.4, 0.9)
    assert bar("p50 of", own, *rows, timed(PEERS[0], 0.4, 2.0)).verdict is Verdict.MET
    assert bar("p50 of", own, *rows, timed(PEERS[0], 0.39, 2.0)).verdict is Verdict.MISSED
    assert bar("p99 of", own, *rows, timed(PEERS[0], 0.39, 2.0)).verdict is Verdict.MET


def test_a_result_lost_in_any_round_counts() -> None:
    rows = [drained(OWN, 50_000, number=number) for number in (1, 2)]
    assert bar("no result lost", *rows).verdict is Verdict.MET
    assert bar("no result lost", *rows, drained(OWN, 50_000, number=3, lost=1)).verdict is Verdict.MISSED


def test_two_processes_against_the_ceiling() -> None:
    """A task costs the worker 10 µs and Redis 10: 100,000/s on two cores."""
    alone = drained(OWN, 60_000)
    assert bar("two processes ≥ 0.85", alone, drained(OWN, 85_000, processes=2)).verdict is Verdict.MET
    assert bar("two processes ≥ 0.85", alone, drained(OWN, 84_000, processes=2)).verdict is Verdict.MISSED


def test_sixteen_processes_against_eight() -> None:
    rows = [drained(OWN, 50_000, processes=8), drained(OWN, 49_000, processes=16)]
    assert bar("16 processes over 8", *rows).verdict is Verdict.MISSED


def test_the_worker_may_hold_80_mb() -> None:
    assert bar("≤ 80 MB", drained(OWN, 50_000, rss=80.0)).verdict is Verdict.MET
    assert bar("≤ 80 MB", drained(OWN, 50_000, rss=80.1)).verdict is Verdict.MISSED


def test_the_other_bars_at_their_limits() -> None:
    assert bar("bulk enqueue", enqueued(OWN, 5_000), *(enqueued(peer, 1_000) for peer in PEERS)).verdict is Verdict.MET
    assert bar("≤ 5 ms", timed(OWN, 0.4, 5.0)).verdict is Verdict.MET
    assert bar("≤ 5 ms", timed(OWN, 0.4, 5.01)).verdict is Verdict.MISSED
    assert bar("two processes over one", burned(900, 1), burned(1_530, 2)).verdict is Verdict.MET
    assert bar("two processes over one", burned(900, 1), burned(1_520, 2)).verdict is Verdict.MISSED
    assert bar("≤ 1.03", napped(1.03)).verdict is Verdict.MET
    assert bar("≤ 1.03", napped(1.04)).verdict is Verdict.MISSED
    assert bar("≤ 300 bytes", enqueued(OWN, 5_000, size=300)).verdict is Verdict.MET
    assert bar("≤ 300 bytes", enqueued(OWN, 5_000, size=301)).verdict is Verdict.MISSED


@pytest.mark.parametrize("row", [failed(OWN), failed(OWN, processes=4), failed(OWN, function="nap")])
def test_what_a_failed_drain_lost_is_not_known(row: Row) -> None:
    assert bar("no result lost", drained(OWN, 50_000), row).verdict is Verdict.OPEN
    assert bar("no result lost", drained(OWN, 50_000, lost=1), row).verdict is Verdict.MISSED


@pytest.mark.parametrize("row", [failed("arq"), failed(OWN, function="latency"), failed(OWN, processes=0)])
def test_what_failed_beside_the_own_drains_could_not_lose_a_result(row: Row) -> None:
    assert bar("no result lost", drained(OWN, 50_000), row).verdict is Verdict.MET


def test_a_full_run_leaves_no_bar_open() -> None:
    assert Verdict.OPEN not in {bar.verdict for bar in judge(figures(*run(Options())), cores=2)}


@pytest.mark.parametrize("only", MEASUREMENTS)
def test_a_run_without_one_peer_meets_no_bar_against_the_peers(only: str) -> None:
    rows = run(Options(only=(only,), systems=tuple(SYSTEMS)[:-1], rounds=1))
    against = [bar for bar in judge(figures(*rows), cores=2) if "peer" in bar.wanted]
    assert len(against) == 6
    assert not [bar for bar in against if bar.verdict is Verdict.MET]


rates = st.floats(1, 1e6)


@given(rates, st.dictionaries(st.sampled_from(PEERS), rates))
def test_only_a_factor_over_every_peer_meets_a_bar(own: float, others: dict[str, float]) -> None:
    rows = [enqueued(OWN, own), *(enqueued(peer, rate) for peer, rate in others.items())]
    slower = [peer for peer in PEERS if peer in others and own >= 5.001 * others[peer]]
    if bar("bulk enqueue", *rows).verdict is Verdict.MET:
        assert set(others) == set(PEERS)
        assert own >= 4.999 * max(others.values())
    else:
        assert len(slower) < len(PEERS)
