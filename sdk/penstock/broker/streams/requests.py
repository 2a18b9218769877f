"""Our types as the arguments of the library's functions: the counterpart of `replies`. The order of each list stands at
the head of its function in `lua/`."""

from __future__ import annotations

from collections.abc import Sequence

from penstock import envelope as envelopes
from penstock import outcome as outcomes
from penstock.broker.protocol import Delivery, Lease, Settlement, Verb
from penstock.broker.streams.library import Command
from penstock.envelope import Envelope
from penstock.keys import GROUP, PRIORITIES, QueueKeys
from penstock.outcome import Outcome

Args = list[str | bytes | int]

# A record outlives its task by this at least; it is renewed with every transition.
RECORD_SECONDS = 7 * 24 * 3600.0
DELIVERY_COUNT = 1  # while blocked, an idle worker takes one message a stream, so that others get the next


def ms(seconds: float) -> int:
    """Whole milliseconds, never negative."""
    return max(0, round(seconds * 1000))


def send(messages: Sequence[Envelope], now: float) -> Args:
    """Five a message."""
    args: Args = []
    for message in messages:
        delay = max(0.0, (message.not_before or now) - now)
        stream = PRIORITIES.index(message.priority) + 1
        args += [message.id, stream, ms(delay), ms(RECORD_SECONDS + delay), envelopes.encode(message)]
    return args


def begin(leases: Sequence[Lease], consumer: str, worker: str, max_crashes: int) -> Args:
    """The consumer and its worker, then four a lease."""
    args: Args = [consumer, worker]
    for lease in leases:
        args += [lease.nonce, lease.stream, lease.entry, max_crashes]
    return args


def renew(leases: Sequence[Lease], consumer: str) -> Args:
    """The consumer, then three a lease."""
    args: Args = [consumer]
    for lease in leases:
        args += [lease.nonce, lease.stream, lease.entry]
    return args


def settle(settlements: Sequence[Settlement], channel: str) -> Args:
    """The channel of outcomes, then eleven a settlement."""
    args: Args = [channel]
    for settlement in settlements:
        lease, outcome = settlement.lease, settlement.outcome
        outbox = settlement.verb is Verb.END and outcome is not None and outcome.resource is not None
        args += [lease.nonce, lease.stream, lease.entry, lease.id, settlement.verb, settlement.phase]
        args += [outcomes.encode(outcome) if outcome else b"", int(outbox)]
        args += [ms(settlement.delay), ms(settlement.life), settlement.message]
    return args


def unclaim(deliveries: Sequence[Delivery], consumer: str) -> Args:
    """The consumer, then four a delivery."""
    args: Args = [consumer]
    for delivery in deliveries:
        args += [delivery.stream, delivery.entry, delivery.id, delivery.message]
    return args


def bury(delivery: Delivery, outcome: Outcome, channel: str, life: float) -> Args:
    """One delivery and what is recorded of it."""
    place: Args = [channel, delivery.stream, delivery.entry, delivery.id, delivery.message]
    return [*place, outcomes.encode(outcome), ms(life)]


def cancel(outcome: Outcome, keys: QueueKeys, reason: str, life: float) -> Args:
    """One task, the channels that may hear of it, and what is recorded if it still waits."""
    outbox = int(outcome.resource is not None)
    told: Args = [outcome.id, keys.control, keys.done, outcome.phase, outcomes.encode(outcome), outbox]
    return [*told, ms(life), reason]


def clear(reported: Sequence[Outcome]) -> Args:
    """Two an outcome."""
    args: Args = []
    for outcome in reported:
        args += [outcome.id, outcomes.encode(outcome)]
    return args


def blocking_read(keys: QueueKeys, consumer: str, block: float) -> Command:
    """XREADGROUP over all priorities."""
    group = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", DELIVERY_COUNT, "BLOCK", ms(block))
    return (*group, "STREAMS", *keys.streams, ">", ">", ">", ">")


def depth(keys: QueueKeys, until: float) -> list[Command]:
    """What `replies.depth` reads, in its order."""
    return [
        *(("XLEN", stream) for stream in keys.streams),
        *(("XPENDING", stream, GROUP) for stream in keys.streams),
        ("ZCARD", keys.delayed),
        ("ZCOUNT", keys.delayed, "-inf", ms(until)),
        ("XLEN", keys.dead),
        ("ZCARD", keys.parked),
        *(("XRANGE", stream, "-", "+", "COUNT", 1) for stream in keys.streams),
    ]
