"""What a broker is. Two implement it, `streams` (Redis) and `memory`; `tests/contract` says what each call promises.

The way of a message: send → claim → (renew …) → settle. Everything takes and gives batches, so that an implementation
may spend one round trip on many tasks. Times are seconds. All calls raise SubmissionError or NotConnected when the
broker can't be reached.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol

from penstock.broker.batch import BatchItems, BatchTerms
from penstock.broker.cordon import Cordon
from penstock.broker.messages import (
    Cancellation,
    Claimed,
    Claimer,
    DeadLetter,
    Delivery,
    Depth,
    Ended,
    Lease,
    QueueConfig,
    Receipt,
    Reclaimed,
    Renewal,
    Revision,
    Settlement,
    Signal,
    Snapshot,
    Supply,
)
from penstock.envelope import Envelope
from penstock.outcome import Outcome

__all__ = ["Batching", "Broker", "Linking", "Steering", "Submitting", "Working"]


class Submitting(Protocol):
    """What a submitter needs."""

    @property
    def clock(self) -> Callable[[], float]:
        """What messages' times are meant by: the broker's time as far as it is known here."""

    async def time(self) -> float:
        """Ask for the broker's time, which `clock` tells from then on."""

    async def send(self, messages: Sequence[Envelope]) -> list[Receipt]:
        """Queue each message once: by its id, and by its idempotency key while that holds. All are of one queue."""

    async def broadcast(self, message: Envelope) -> None:
        """Hand a message to every worker that lives now."""

    async def wait(self, id: str) -> Outcome | None:
        """Return when the task has ended; None if nothing is known of it."""

    async def snapshots(self, ids: Sequence[str]) -> list[Snapshot | None]:
        """How tasks stand; None where nothing is known (never queued, expired or lost)."""

    async def named(self, id: str) -> str:
        """The name of the task whose call has this id; empty where nothing is known of it."""

    async def cancel(self, outcome: Outcome, *, reason: str, life: float) -> tuple[Cancellation, int]:
        """Cancel the task that `outcome` names. If it still waits, that is recorded. Gives its attempts besides."""

    async def withdraw(self, id: str) -> Cancellation:
        """Take a waiting task off its queue as if it had never been sent (CANCELLED). What runs goes on (REQUESTED)."""

    async def revise(self, id: str, *, due: float | None = None, message: Envelope | None = None) -> Revision:
        """Change a waiting task: when it may start, and what it is (all but its id and its idempotency key)."""


class Working(Protocol):
    """What a worker needs."""

    async def claim(
        self, queue: str, claimer: Claimer, budget: int, *, alone: bool = False, read: Sequence[Delivery] = ()
    ) -> Claimed:
        """Begin what was `read`, and up to `budget` ready tasks besides, as far as the queue's limits allow. Counts
        the attempts. `alone`: the claimer runs nothing, so it may get a suspect, and nothing else with it.

        What was read with a nonce may run by then; what the answer lacks was taken away meanwhile: stop it."""

    async def listen(self, queue: str, claimer: Claimer, wait: float) -> list[Delivery]:
        """Wait up to `wait` seconds for the next few messages. They must be claimed as `read`, or unclaimed."""

    async def unclaim(self, deliveries: Sequence[Delivery]) -> None:
        """Put back what was read and not begun."""

    async def reclaim(self, queue: str, claimer: Claimer, *, lease: float) -> Reclaimed:
        """Make ready again what no worker has renewed for `lease` seconds. What ran is a suspect from then on."""

    async def relinquish(self, queue: str, claimer: Claimer, held: Sequence[Lease]) -> int:
        """Put back what this consumer holds of the queue beside `held`: the answer to its claim was lost, and it has
        never started that. It counts neither as an attempt nor as a crash. Not while it claims. How many there were."""

    def renew(self, leases: Sequence[Lease], claimer: Claimer) -> list[Renewal]:
        """Keep the leases. Blocking, for a thread of its own: a busy event loop must not lose them."""

    async def note(self, lease: Lease, progress: bytes) -> bool:
        """Record progress (JSON). False if the lease is lost."""

    async def checkpoint(self, lease: Lease, state: bytes) -> bool:
        """Keep what a task has reached, JSON, for its next attempts. False if the lease is lost."""

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """End attempts. False where the lease is lost; then nothing was written. To settle the same outcome again is no
        loss: it stands. All are of one queue."""

    async def promote(self, queue: str) -> float | None:
        """Make due messages claimable. Seconds until the next is due, or None."""

    async def parked(self, queue: str, limit: int, *, skip: int = 0) -> list[Delivery]:
        """Parked messages, those first that wait longest, without the first `skip`; `entry` is empty."""

    async def unpark(self, queue: str, ids: Sequence[str]) -> None:
        """Make parked messages ready again."""

    async def broadcasts(self, queue: str, after: str | None) -> tuple[str, list[bytes]]:
        """Messages for every worker since `after`, and the place to go on from. None: from now on."""

    def signals(self, queues: Sequence[str]) -> AsyncGenerator[Signal, None]:
        """What workers are told, for as long as it is iterated. May miss some: every signal has a slower way beside."""

    async def attend(self, queue: str, claimer: Claimer, busy: int, *, resting: Cordon | None = None) -> Cordon | None:
        """Say that a worker process lives whose first queue this is, and how many tasks it runs. Returns the cordon of
        its worker, of which there may be several processes; None: it may claim.

        `resting`: it has nothing left to do, and begins nothing before the end of this cordon, which it was told of.
        Whoever hasn't been heard of for a minute is forgotten."""

    async def tidy(self, queue: str) -> None:
        """Forget what time has made useless: old dead letters, idempotency keys, consumers that are gone."""

    async def leave(self, queue: str, claimer: Claimer) -> None:
        """Forget that it attends, and the consumer if it has nothing pending."""


class Linking(Protocol):
    """What tasks that concern each other need; see `links`."""

    async def supply(self, supplies: Sequence[Supply], *, life: float) -> None:
        """Hand inputs to tasks that wait; twice does no harm. All are of one queue. `life`: of inputs and outcomes."""

    async def expect(self, id: str, count: int) -> bool:
        """Tell a task that waits for how many inputs it does. False if it has ended already."""

    async def inputs(self, id: str) -> dict[int, bytes]:
        """A task's, by their numbers."""

    async def ready_since(self, id: str) -> float | None:
        """When the last input of a task came, by the broker's clock; None if it waited for none."""

    async def adopt(self, parent: Lease, children: Sequence[str]) -> bool:
        """Make tasks that are about to be sent a running one's own. False if its lease is lost."""

    async def take_ended(self, queue: str, limit: int, *, patience: float) -> list[Ended]:
        """Some of those of whose end nobody has told the others, nor taken it up in the last `patience` seconds."""

    async def relayed(self, queue: str, ended: Sequence[Ended]) -> None:
        """The others have been told."""

    async def blocked(self, queue: str, limit: int, *, since: float) -> list[Delivery]:
        """Tasks that wait for others since then or longer, those first that wait longest; `entry` is empty."""

    async def linger(self, queue: str, ids: Sequence[str]) -> None:
        """Count from now on how long these wait for others."""


class Batching(Protocol):
    """What batches need. Their items are ordinary tasks; the broker counts their ends and, where not all may run at
    once, lets the next one start as soon as one has ended. A batch that fails too often is stopped by that very end."""

    async def tend(self, terms: BatchTerms, *, create: bool) -> BatchItems | None:
        """Tell a batch its terms and see how it stands. None if it is unknown and not to be created."""

    async def look(self, batch: str) -> BatchItems | None:
        """How a batch stands; None if it is unknown."""

    async def send_items(self, messages: Sequence[Envelope]) -> int | None:
        """Send items of one batch, each once by its index. How many from the first on are seen to: fewer than were
        given if the queue has no room for more. None if the batch is unknown."""

    async def recall_items(self, batch: str, indexes: Sequence[int]) -> int:
        """Hold items back that wait on their queue. What runs goes on. How many there were. Not for more than 500."""

    async def cancel_items(self, outcomes: Sequence[Outcome], *, reason: str, life: float) -> int:
        """Cancel the items of one batch that the outcomes name: how many waited, and were cancelled so. What runs is
        stopped by its worker. Not for more than 500."""

    async def retry_items(self, batch: str, run: int, limit: int) -> bool:
        """Take up again, for this run, some of the items that failed or were cancelled in the runs before, none twice.
        Whether that was all."""

    async def forget_batch(self, batch: str) -> None:
        """Forget it. Its items that haven't ended aren't counted from now on."""


class Steering(Protocol):
    """What the operator and the command line need."""

    def lead(self, lease: str, epoch: int) -> None:
        """Whatever is sent, cancelled, withdrawn, cleared, configured or cordoned from now on is the word of that
        Lease's leader in that epoch; it raises Deposed once a later epoch has begun at the queue."""

    async def begin_epoch(self, queue: str) -> None:
        """Refuse earlier leaders there from now on. Raises Deposed where this one is refused."""

    async def unfinished(self, queue: str, cursor: str) -> tuple[str, list[str]]:
        """Some ids of tasks that haven't ended, and where to go on; both begin and end with ''. What is queued or ends
        meanwhile may be told or not, an id twice too."""

    async def depth(self, queues: Sequence[str], *, horizon: float | Mapping[str, float] = 0.0) -> dict[str, Depth]:
        """What the queues hold, each seen at one moment; `due` looks `horizon` seconds ahead (by queue: 0 where nothing
        is said). A queue that can't be read is absent, which isn't zero; if none can, the reason is raised."""

    async def cordon(self, queue: str, workers: Sequence[str], seconds: float) -> frozenset[str]:
        """Let workers whose first queue this is claim nothing for so long, on any of their queues (0: again, at once).
        What they run goes on, and broadcasts reach them. Returns those that attend now, whose processes rest as soon as
        they have nothing left; whoever doesn't attend yet asks before its first claim."""

    async def doze(self, queue: str) -> bool:
        """Ask to be told by `wakes`, once, when something comes to this queue. False if there is something to do: it is
        ready, due or in flight, or word is to be passed on. Anybody may ask: it can do no more than tell in vain."""

    def wakes(self) -> AsyncGenerator[tuple[str, str], None]:
        """Namespace and queue where something has come, of all namespaces, for as long as it is iterated. May miss
        some."""

    async def outbox(self, queue: str, limit: int) -> list[Outcome]:
        """Some outcomes that nobody has reported yet: the next ones at each call, round and round, so that those which
        can't be reported hide no others."""

    async def clear(self, outcomes: Sequence[Outcome]) -> None:
        """Strike reported outcomes off the outbox."""

    async def configure(self, queue: str, config: QueueConfig | None) -> None:
        """Publish a TaskQueue's settings; None: back to the defaults. Whether it is paused stays."""

    async def config(self, queue: str) -> QueueConfig:
        """The queue's settings."""

    async def pause(self, queue: str, paused: bool) -> None:
        """Start no more tasks of the queue, or go on. What runs isn't touched."""

    async def dead_letters(self, queue: str, limit: int) -> list[DeadLetter]:
        """The oldest dead letters."""

    async def replay(self, queue: str, ids: Sequence[str]) -> int:
        """Queue dead letters again, from their first attempt; all else of them stays, such as their concurrency key.
        Their deadlines count from now on, and they don't expire. How many there were."""

    async def purge(self, queue: str, ids: Sequence[str]) -> int:
        """Forget dead letters. How many there were."""


class Broker(Submitting, Working, Linking, Batching, Steering, Protocol):
    """A queue server, as one namespace sees it."""

    namespace: str

    def within(self, namespace: str) -> Broker:
        """The same server as another namespace sees it, by the same connections: they end when the broker is closed
        that was connected first. Nobody leads by it yet."""

    async def check(self) -> None:
        """Raise ConfigurationError if this server can't be relied on, NotConnected if it doesn't answer."""

    async def ping(self) -> None:
        """Raise NotConnected unless the broker answers."""

    async def close(self) -> None:
        """Give up all connections, if they are its own."""
