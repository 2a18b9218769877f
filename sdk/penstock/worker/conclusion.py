"""What follows from an attempt's end: a decision, its settlement, and what is told of it: step 3 of the runner's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from penstock.broker import Broker
from penstock.broker.messages import Begun, Ended, Settlement
from penstock.clock import ServerClock
from penstock.envelope import Undecodable
from penstock.errors import BadResult
from penstock.sealing import PayloadCodec
from penstock.status import Phase
from penstock.worker.attempt import Attempt
from penstock.worker.ending import Ending, Raised, Returned, Unfit, Unknown
from penstock.worker.failure_line import log_failure
from penstock.worker.leases import Leases
from penstock.worker.outage import Outage
from penstock.worker.parking import overdue
from penstock.worker.policy import Policies
from penstock.worker.record import buried, recorded, sealed_record, tallied
from penstock.worker.relay import Relay
from penstock.worker.reporter import Reporter, waiting
from penstock.worker.settling import Settling
from penstock.worker.verdict import Ruling, Standards, rule, succeeded

__all__ = ["Conclusions"]

log = logging.getLogger("penstock.worker")
# Where the broker doesn't answer, what isn't settled and told by then is done by other workers.
SETTLE_SECONDS = 2.0
RELAY_SECONDS = 1.0


@dataclass(eq=False)
class Conclusions:
    """Of one worker. `delayed` hears of queues with a task that waits for its next attempt."""

    broker: Broker
    worker: str
    leases: Leases
    reporter: Reporter
    policies: Policies
    codec: PayloadCodec | None
    outage: Outage
    clock: ServerClock
    random: Callable[[], float]
    delayed: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._settling = Settling(self.broker, self.outage, self.clock)
        self.relay = Relay(self.broker, self.clock, self.outage)

    def rule(self, attempt: Attempt, ending: Ending) -> Ruling:
        """What becomes of a task whose attempt has ended like this."""
        if isinstance(ending, Returned):
            return succeeded(ending)
        begun, definition = attempt.begun, attempt.definition
        limit = self.policies.config(begun.lease.queue).max_crashes
        options = definition.options if definition else None
        patient = not (
            isinstance(ending, Unknown | Unfit) and overdue(attempt.envelope, self.clock(), since=begun.queued_at)
        )
        by = Standards(begun.attempts, attempt.policy.retry, begun.crashes, limit, options, patient)
        return rule(ending, by, self.random)

    def settle(self, attempt: Attempt, ruling: Ruling, traceparent: str | None) -> None:
        """Record it, unless the lease is lost: then others decide. `traceparent`: of the attempt's span."""
        lease, attempt.over = attempt.begun.lease, True
        if ruling.phase is not Phase.SUCCEEDED and not attempt.lost:
            log_failure(attempt, ruling, at=self.clock())
        if attempt.lost or not lease.nonce:
            return self.leases.drop(lease)
        record = recorded(attempt, ruling, by=self.worker, at=self.clock(), traceparent=traceparent)
        if attempt.envelope.codec:
            try:
                record = sealed_record(record, self.codec)
            except Exception as error:  # the app's codec may raise anything
                bad = BadResult(f"the codec {attempt.envelope.codec!r} can't seal its result: {error}")
                return self.settle(attempt, self.rule(attempt, Raised(bad)), traceparent)
        return self._settling.add(record, partial(self._settled, attempt, ruling))

    def _settled(self, attempt: Attempt, ruling: Ruling, written: Settlement | None) -> None:
        self.leases.drop(attempt.begun.lease)
        if written is None:
            log.warning("%s: its lease was lost; whoever has it now decides its outcome", attempt.envelope.id)
            self.outage.tally.lost[attempt.envelope.queue] += 1
            return
        outcome = written.outcome
        tallied(self.outage.tally, attempt, written.phase, at=self.clock())
        if outcome is not None and attempt.envelope.links is not None:
            self.relay.ended(Ended(outcome, attempt.begun.message))
        if written.delay:
            self.delayed(attempt.envelope.queue)
        if outcome is None:
            if (standing := waiting(attempt.envelope, attempt.begun, self.clock(), ruling)) is not None:
                self.reporter.standing(attempt.envelope, standing)
        elif outcome.resource is not None:
            self.reporter.ended([outcome])

    def bury(self, begun: Begun, error: Undecodable) -> None:
        """Dead-letter what can't be understood."""
        log.error("%s goes to the dead letters: %s", begun.lease.id, error)
        self._settling.add(buried(begun, str(error), at=self.clock()), lambda _: self.leases.drop(begun.lease))

    async def drain(self) -> None:
        """Give what has ended a last time to be settled and told."""
        await self._settling.drain(SETTLE_SECONDS)
        await self.relay.drain(RELAY_SECONDS)
