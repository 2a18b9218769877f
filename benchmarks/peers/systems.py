"""What is compared, and how each one's worker is run: as fast as its documentation knows to, with results stored and
acknowledgement after the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["OWN", "PEERS", "SYSTEMS", "System"]

APPS = "benchmarks.peers.apps"


@dataclass(frozen=True)
class System:
    """One task queue.

    `worker` may hold {concurrency} and {processes}; `forks` says that one such command starts all processes. `backlog`
    is a Redis command that says how many tasks aren't acknowledged. `results` matches the keys of results, which hold
    `ended` where a key is older than its result. `variables` may hold {url}.

    `default` is how many tasks a worker process runs at a time if it isn't told: in threads where the system isn't
    async; Celery's prefork pool runs one a process. `threads` says that plain functions run beside the event loop, or
    that there is none; `models`, that arguments and results may be pydantic models.
    """

    name: str
    worker: str
    backlog: str
    results: str
    settings: str
    default: int
    ended: bytes = b""
    forks: bool = False
    is_async: bool = True
    threads: bool = False
    models: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self, concurrency: int, processes: int) -> list[str]:
        """The words that start its worker."""
        return self.worker.format(concurrency=concurrency, processes=processes).split()

    def environment(self, url: str) -> dict[str, str]:
        """Its own variables."""
        return {name: value.format(url=url) for name, value in self.variables.items()}


_ALL = [
    System(
        "penstock",
        worker=f"penstock worker {APPS}.penstock:app --concurrency {{concurrency}} --queues bench",
        backlog="XLEN penstock:{bench/bench}:stream:normal",
        results="penstock:{bench/bench}:task:*",
        ended=b"Succeeded",
        variables={"PENSTOCK_URL": "{url}", "PENSTOCK_NAMESPACE": "bench"},
        settings="enqueue_many; single enqueues gathered share round trips",
        default=16,
        threads=True,
        models=True,
    ),
    System(
        "streaq",
        worker=f"streaq run {APPS}.streaq:worker",
        backlog="XLEN streaq:default:queues:normal",
        results="streaq:default:task:results:*",
        settings="enqueue_many (one pipeline); use_uvloop; tasks silent, so that none is logged",
        default=16,
        threads=True,
        models=True,
    ),
    System(
        "taskiq",
        worker=f"taskiq worker {APPS}.taskiq:broker --workers {{processes}} --max-async-tasks {{concurrency}} "
        "--max-prefetch 100 --ack-type when_saved --log-level WARNING",
        backlog="XPENDING taskiq taskiq",
        results="result:*",
        forks=True,
        settings="RedisStreamBroker, RedisAsyncResultBackend; kiq gathered, 10 at a time; ack when saved; uvloop",
        default=100,
        threads=True,
        models=True,
    ),
    System(
        "saq",
        worker=f"saq {APPS}.saq.settings --quiet",
        backlog="ZCARD saq:default:incomplete",
        results="saq:job:default:*",
        ended=b'"status": "complete"',
        settings="enqueue gathered, 20 at a time by itself; no time limit; uvloop",
        default=10,
        threads=True,
    ),
    System(
        "arq",
        worker=f"arq {APPS}.arq.Settings --custom-log-dict {APPS}.arq.log",
        backlog="ZCARD arq:queue",
        results="arq:result:*",
        settings="enqueue_job gathered, 50 at a time; poll_delay 5 ms, for results too; uvloop; no log line a task",
        default=10,
    ),
    System(
        "dramatiq",
        worker=f"dramatiq {APPS}.dramatiq:broker --processes {{processes}} --threads 8",
        backlog="HLEN dramatiq:default.msgs",
        results="dramatiq-results:*",
        forks=True,
        is_async=False,
        variables={"dramatiq_queue_prefetch": "128"},
        settings="send in a loop; 8 threads; dramatiq_queue_prefetch 128",
        default=8,
        threads=True,
    ),
    System(
        "celery",
        worker=f"celery -A {APPS}.celery worker --pool prefork --concurrency {{processes}} --loglevel WARNING "
        "--without-gossip --without-mingle --without-heartbeat",
        backlog="HLEN unacked",
        results="celery-task-meta-*",
        forks=True,
        is_async=False,
        settings="apply_async with a pooled producer; prefork, one child a process; acks_late; prefetch 128",
        default=1,
        threads=True,
    ),
    System(
        "docket",
        worker=f"python -m {APPS}.docket",
        backlog="XLEN docket:stream",
        results="docket:results:*",
        settings="add_many in one pipeline; minimum_check_interval 5 ms; max_connections 1,000; uvloop",
        default=10,
    ),
]
SYSTEMS: Mapping[str, System] = {system.name: system for system in _ALL}
OWN = "penstock"
PEERS = tuple(name for name in SYSTEMS if name != OWN)
