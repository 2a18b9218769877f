from random import Random

from benchmarks.autoscale.world.pod import Pod
from benchmarks.autoscale.world.ranking import ranked


def pod(number: int, *, node: int = 0, image: float = 0.0, ready: float = float("inf"), cost: int = 1) -> Pod:
    one = Pod(number, node, 4, 0.0, image)
    one.ready = ready
    one.cost = cost
    return one


def order(*pods: Pod) -> list[int]:
    return [one.number for one in ranked(pods, 1000.0, Random(1))]


def test_pulling_then_unready_then_the_newest_goes_first() -> None:
    old, new, starting, pulling = (
        pod(0, node=0, ready=10),
        pod(1, node=1, ready=990),
        pod(2, node=2),
        pod(3, node=3, image=2000),
    )
    assert order(old, new, starting, pulling) == [3, 2, 1, 0]


def test_where_more_of_its_kind_are_goes_first() -> None:
    assert order(pod(0, node=0, ready=990), pod(1, node=1, ready=10), pod(2, node=1, ready=20))[-1] == 0


def test_deletion_costs_count_before_that_but_not_before_readiness() -> None:
    ready, dear, unready = pod(0, ready=10), pod(1, ready=990, cost=5), pod(2, cost=9)
    assert order(ready, dear, unready) == [2, 0, 1]


def test_work_plays_no_part() -> None:
    busy, idle = pod(0, node=0, ready=990), pod(1, node=1, ready=10)
    busy.running.add(7)
    assert order(busy, idle) == [0, 1]


def test_ages_of_one_power_of_two_are_alike() -> None:
    alike = [pod(0, node=0, ready=440), pod(1, node=1, ready=420)]
    assert {tuple(one.number for one in ranked(alike, 1000.0, Random(seed))) for seed in range(9)} == {(0, 1), (1, 0)}


def test_those_that_go_already_are_not_asked() -> None:
    going = pod(0, ready=10)
    going.terminating = 999.0
    assert order(going, pod(1, ready=10)) == [1]
