from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.messages import Attendance, Depth
from penstock_operator.api import Key
from penstock_operator.autoscale.arrivals import Arrivals
from penstock_operator.autoscale.rates import Rates
from penstock_operator.autoscale.signals import Fleet, Work
from penstock_operator.autoscale.survey import Reading, Serving, work_of
from penstock_operator.autoscale.work import work
from tests.unit.penstock_operator.autoscale.cases import spec

IDLE = Fleet()


def reading(depth: Depth, rate: float = 0.0, service: float | None = None) -> Reading:
    return Reading(depth, Rates(0.0, depth, Arrivals(rate, rate), service=service))


def serving(
    name: str, *queues: str, pods: Sequence[str] = (), fleet: Fleet = IDLE, concurrency: int = 4, **autoscaling: Any
) -> Serving:
    """A pool; as many tasks at once as `concurrency` in each of ten replicas, unless told otherwise."""
    pool = spec(concurrency=concurrency, **autoscaling)
    return Serving(("shop", name), pool, queues or ("mail",), fleet, frozenset(pods))


def asked(*pools: Serving, **readings: Reading) -> list[Work | None]:
    """Of each pool, by readings of the namespace's queues."""
    queues = {queue for pool in pools for queue in pool.queues}
    rivals = {queue: [pool for pool in pools if queue in pool.queues] for queue in queues}
    found: dict[Key, Reading] = {("shop", queue): one for queue, one in readings.items()}
    return [work_of(pool, rivals, found) for pool in pools]


def known(*pools: Serving, **readings: Reading) -> list[Work]:
    """All of them, as none is unknown."""
    found = asked(*pools, **readings)
    assert None not in found
    return [one for one in found if one is not None]


def test_a_pool_alone_gets_all_of_its_queue() -> None:
    mail = reading(Depth(ready=7, due=2, in_flight=3, oldest=4.5, holding={"stranger-1-x": 3}), 2.5, 0.5)
    assert mail.depth is not None
    assert mail.rates is not None
    assert asked(serving("fast"), mail=mail) == [work(mail.depth, mail.rates)]


def test_of_several_queues_it_gets_the_sum() -> None:
    mail, reports = reading(Depth(ready=7), 2.0, 0.5), reading(Depth(ready=3, in_flight=1, oldest=9), 1.0, 2.0)
    [found] = known(serving("fast", "mail", "reports"), mail=mail, reports=reports)
    assert (found.waiting, found.in_flight, found.arrival_rate, found.oldest) == (10, 1, 3, 9)


@pytest.mark.parametrize(
    "unread", [{}, {"reports": Reading(None, None)}, {"reports": Reading(None, Rates(0.0, Depth()))}]
)
def test_one_unreadable_queue_of_several_makes_all_unknown(unread: dict[str, Reading]) -> None:
    both, mail = serving("both", "mail", "reports"), serving("mail")
    found = asked(both, mail, mail=reading(Depth(ready=10)), **unread)
    assert found[0] is None
    assert found[1] is not None, "who doesn't serve it isn't concerned"


def test_a_queue_of_another_namespace_is_another_queue() -> None:
    pool = serving("fast")
    bank: dict[Key, Reading] = {("bank", "mail"): reading(Depth(ready=10))}
    assert work_of(pool, {"mail": [pool]}, bank) is None


def test_two_pools_on_one_queue_share_by_what_they_may_come_to() -> None:
    mail = reading(Depth(ready=100, due=20, oldest=3), 8.0, 0.5)
    small, large = known(serving("small"), serving("large", concurrency=12), mail=mail)
    assert (small.waiting, large.waiting) == (30, 90)
    assert (small.arrival_rate, large.arrival_rate) == (2, 6)
    assert small.service_seconds == large.service_seconds == 0.5
    assert small.oldest == large.oldest == 3


def test_each_has_in_flight_what_its_own_workers_hold_and_half_of_what_nobodys_do() -> None:
    holding = {"a-1-x": 3, "a-2-y": 1, "renamed": 2, "gone-1-z": 4}
    depth = Depth(in_flight=10, holding=holding, workers=(Attendance("renamed", "b"),))
    one, other = known(serving("one", pods=["a"]), serving("other", pods=["b"]), mail=reading(depth))
    assert (one.in_flight, other.in_flight) == (4 + 2, 2 + 2)


def test_a_shared_queue_beside_one_of_its_own() -> None:
    both, mail = known(
        serving("both", "mail", "reports"),
        serving("mail"),
        mail=reading(Depth(ready=10)),
        reports=reading(Depth(ready=5)),
    )
    assert (both.waiting, mail.waiting) == (10, 5)


@pytest.mark.parametrize(
    "rival",
    [
        serving("rival", mode="Off"),
        serving("rival", mode="External", fleet=Fleet(wanted=0)),
        serving("rival", fleet=Fleet(wanted=8, trouble="ImagePullBackOff", broken=True)),
    ],
)
def test_who_has_nobody_and_gets_nobody_leaves_the_others_all(rival: Serving) -> None:
    one, other = known(serving("fast"), rival, mail=reading(Depth(ready=100), 8.0))
    assert (one.waiting, one.arrival_rate) == (100, 8)
    assert (other.waiting, other.arrival_rate) == (0, 0)


def test_one_task_wakes_one_pool() -> None:
    found = known(serving("a"), serving("b"), serving("c"), mail=reading(Depth(ready=1)))
    assert sorted(one.waiting for one in found) == [0, 0, 1]


names = st.sampled_from(["a-1-x", "b-1-x", "c-1-x", "gone-1-x"])


@given(
    st.lists(st.tuples(st.integers(1, 32), st.integers(1, 20)), min_size=1, max_size=4),
    st.builds(Depth, ready=st.integers(0, 1000), due=st.integers(0, 1000), paused=st.booleans()),
    st.dictionaries(names, st.integers(1, 100)),
    st.floats(0, 1000),
)
def test_all_shares_together_are_the_queue(
    sizes: list[tuple[int, int]], depth: Depth, holding: dict[str, int], rate: float
) -> None:
    whole = Depth(
        ready=depth.ready, due=depth.due, paused=depth.paused, in_flight=sum(holding.values()), holding=holding
    )
    pools = [
        serving(name, pods=[name], concurrency=concurrency, max_replicas=most)
        for name, (concurrency, most) in zip("abcd", sizes, strict=False)
    ]
    mail = reading(whole, rate, 0.5)
    assert mail.rates is not None
    expected, found = work(whole, mail.rates), known(*pools, mail=mail)
    assert sum(one.waiting for one in found) == expected.waiting
    assert sum(one.in_flight for one in found) == pytest.approx(expected.in_flight)
    assert sum(one.barred for one in found) == pytest.approx(expected.barred)
    assert sum(one.arrival_rate for one in found) == pytest.approx(expected.arrival_rate)
    assert sum(one.recent_rate for one in found) == pytest.approx(expected.recent_rate)
