from __future__ import annotations

from benchmarks.capacity.live import Level, Round
from benchmarks.capacity.outage import Outage
from benchmarks.capacity.process import Process

ROUNDS = (Round(100.0, 0.002), Round(120.0, 0.003), Round(110.0, 0.0025))


def level(*processes: Process, file_bytes: int | None = None) -> Level:
    named = {f"pod-{number}": process for number, process in enumerate(processes)}
    return Level(5_000, Outage(2.0, 2.5), ROUNDS, 0.01, named, file_bytes)


def test_rounds_count_by_their_median() -> None:
    found = level(Process(150.0, 140.0, 9.0)).figures()
    assert found == {
        "peak 5000": 150.0,
        "cost 5000": 0.0025,
        "rate 5000": 110.0,
        "idle 5000": 0.01,
        "restart 5000": 2.5,
    }


def test_of_several_operators_the_one_that_does_least_stands_by() -> None:
    found = level(Process(150.0, 140.0, 9.0), Process(120.0, 110.0, 1.0)).figures()
    assert (found["peak 5000"], found["standby 5000"]) == (150.0, 120.0)


def test_etcds_file_is_there_where_the_server_tells() -> None:
    assert level(Process(1, 1, 1), file_bytes=7).figures()["stored 5000"] == 7
