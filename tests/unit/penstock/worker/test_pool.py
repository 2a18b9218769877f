from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from contextvars import copy_context

import pytest

from penstock.worker.hop import Hop
from penstock.worker.pool import Pool
from tests.waiting import wait_sync

PLACES = 4


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(PLACES, "a name") as pool:
        yield pool


class Gate:
    """What keeps calls in their threads."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self._open = threading.Event()

    def wait(self) -> None:
        self.inside.append(threading.current_thread().name)
        self._open.wait(10)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def test_it_is_an_executor(pool: Pool) -> None:
    assert pool.submit(divmod, 7, 2).result(5) == (3, 1)
    assert isinstance(pool.submit(divmod, 1, 0).exception(5), ZeroDivisionError)
    assert list(pool.map(str, range(100), timeout=5)) == [str(number) for number in range(100)]
    assert pool.submit(lambda: threading.current_thread().name).result(5).startswith("a name")


def test_calls_that_block_run_side_by_side_and_no_more_than_the_places(pool: Pool, gate: Gate) -> None:
    calls = [pool.submit(gate.wait) for _ in range(2 * PLACES)]
    wait_sync(lambda: len(gate.inside) == PLACES, "every place is taken")
    assert len(set(gate.inside)) == PLACES
    assert sum(call.running() for call in calls) == PLACES
    gate.open()
    assert not wait(calls, 5).not_done


def test_a_call_behind_one_that_blocks_does_not_wait_for_it(pool: Pool, gate: Gate) -> None:
    for _ in range(50):
        pool.submit(gate.wait)
        assert pool.submit(int).result(5) == 0
        gate.open()
        gate = Gate()
    gate.open()


def test_calls_from_many_threads_are_all_done(pool: Pool) -> None:
    futures: list[Future[int]] = []

    def submit() -> None:
        futures.extend([pool.submit(int) for _ in range(500)])

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(futures) == 4_000
    assert not wait(futures, 10).not_done


def test_shut_down_it_takes_no_more_and_drops_what_has_not_begun(gate: Gate) -> None:
    pool = Pool(1)
    running = pool.submit(gate.wait)
    wait_sync(lambda: bool(gate.inside), "one runs")
    queued = [pool.submit(int) for _ in range(3)]
    pool.shutdown(wait=False, cancel_futures=True)
    for one in queued:
        with pytest.raises(CancelledError):
            one.result(5)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(int)
    gate.open()
    assert running.result(5) is None


def test_shut_down_gently_it_does_what_it_has_taken(gate: Gate) -> None:
    pool = Pool(2)
    pool.submit(gate.wait)
    queued = [pool.submit(int) for _ in range(10)]
    gate.open()
    pool.shutdown()
    assert [one.result(0) for one in queued] == [0] * 10


async def test_who_waits_in_a_loop_hears_of_the_shutdown(gate: Gate) -> None:
    pool = Pool(1)
    pool.submit(gate.wait)
    wait_sync(lambda: bool(gate.inside), "one runs")
    hop = Hop(copy_context(), int)
    pool.take(hop)
    pool.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(hop.result(), 5)


def test_an_idle_thread_holds_on_to_nothing(pool: Pool) -> None:
    class Argument:
        pass

    given = Argument()
    kept = weakref.ref(given)
    pool.submit(id, given).result(5)
    del given

    def gone() -> bool:
        gc.collect()
        return kept() is None

    wait_sync(gone, "the argument is let go")
