"""Our types as the arguments of the library's functions: the counterpart of `replies`. The order of each list stands at
the head of its function in `lua/`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import msgspec

from penstock import envelope as envelopes
from penstock import outcome as outcomes
from penstock.broker.cordon import Cordon
from penstock.broker.messages import Claimer, Delivery, Lease, Limits, QueueConfig, Settlement, Supply, Verb
from penstock.broker.streams.library import Command, fcall
from penstock.envelope import Envelope, priority_of
from penstock.keys import GROUP, PRIORITIES, QueueKeys
from penstock.outcome import Outcome

Args = list[str | bytes | int]

HORIZON_MS = 100 * 366 * 86_400_000  # a hundred years from the epoch on, or from now
DELIVERY_COUNT = 1  # while blocked, an idle worker takes one message a stream, so that others get the next
BROADCAST_MS = 3_600_000  # how long a broadcast stays for workers that are slow to look
GONE_MS = 3_600_000  # a consumer that holds nothing and hasn't been heard of for so long is gone
_STREAM = {priority: index for index, priority in enumerate(PRIORITIES, start=1)}
_READ = len(PRIORITIES) + 1  # the priorities and what was released; suspects come by claim alone


@lru_cache(64)  # most are the same few: no delay, an hour's life
def ms(seconds: float) -> int:
    """Whole milliseconds from 0 to HORIZON_MS, whatever it is given: a number that Redis refuses would end a script
    half-way."""
    return 0 if math.isnan(seconds) else max(0, round(min(seconds * 1000, HORIZON_MS)))


def send(messages: Sequence[Envelope], now: float) -> Args:
    """Five a message."""
    args: Args = []
    for message in messages:
        args += (
            message.id,
            _STREAM[message.priority],
            ms(_delay(message, now)),
            envelopes.encode(message),
            _options(message),
        )
    return args


def _delay(message: Envelope, now: float) -> float:
    """Seconds from now. The delay of what waits for others begins once it has them."""
    links = message.links
    if links is not None and not links.waits and links.later is not None and links.later.delay is not None:
        return links.later.delay
    return message.not_before - now if message.not_before else 0.0


def _options(message: Envelope) -> bytes:
    """What the functions must know of a message beside its id; none of it for most."""
    unique, links = message.unique, message.links
    if unique is None and links is None and message.key is None:
        return b""
    found: dict[str, object] = {"key": message.key} if message.key is not None else {}
    if links is not None:
        found |= {"linked": 1} | ({"waits": links.waits} if links.waits else {})
        found |= {"tolerant": 1} if links.tolerant else {}
        found |= {"after": ms(links.later.delay)} if links.waits and links.later and links.later.delay else {}
    if unique is not None:
        found |= {"unique": unique.key, "scope": unique.until, "unique_ms": ms(unique.ttl)}
        found |= {"keep": True} if unique.keep_on_failure else {}
    return msgspec.msgpack.encode(found)


def claim(claimer: Claimer, nonce: str, budget: int, alone: bool, read: Sequence[Delivery]) -> Args:
    """Five, then four for what was read."""
    args: Args = [claimer.consumer, claimer.worker, nonce, budget, int(alone)]
    for delivery in read:
        args += (delivery.stream, delivery.entry, delivery.id, delivery.nonce)
    return args


def places(deliveries: Sequence[Delivery]) -> Args:
    """Three a delivery."""
    args: Args = []
    for delivery in deliveries:
        args += (delivery.stream, delivery.entry, delivery.id)
    return args


def held(leases: Sequence[Lease], claimer: Claimer) -> Args:
    """The consumer, then two a lease."""
    args: Args = [claimer.consumer]
    for lease in leases:
        args += (lease.id, lease.nonce)
    return args


def settle(settlements: Sequence[Settlement], keys: QueueKeys) -> Args:
    """The channels, then groups that end alike: how many and how, and three a settlement."""
    args: Args = [keys.done, keys.control]
    for alike, found in groupby(settlements, _manner):
        group = list(found)
        args += (len(group), *alike)
        for settlement in group:
            lease, outcome = settlement.lease, settlement.outcome
            args += (lease.id, lease.nonce, outcomes.encode(outcome) if outcome else b"")
    return args


def _manner(settlement: Settlement) -> tuple[str, str, int, int, int]:
    outcome = settlement.outcome
    outbox = outcome is not None and outcome.resource is not None and settlement.verb is Verb.END
    return (settlement.verb, settlement.phase, int(outbox), ms(settlement.delay), max(1, ms(settlement.life)))


def cancel(outcome: Outcome, keys: QueueKeys, reason: str, life: float) -> Args:
    """One task, the channels that may hear of it, and what is recorded if it still waits."""
    outbox = int(outcome.resource is not None)
    told: Args = [outcome.id, keys.control, keys.done, outcome.phase, outcomes.encode(outcome), outbox]
    return [*told, ms(life), reason]


def revise(id: str, delay: float | None, message: Envelope | None) -> Args:
    """One task's."""
    due: str | int = "" if delay is None else ms(delay)
    if message is None:
        return [id, due, "", "", "", 0]
    linked = int(message.links is not None)
    return [id, due, envelopes.encode(message), _STREAM[message.priority], message.key or "", linked]


def supply(supplies: Sequence[Supply], keys: QueueKeys, life: float) -> Args:
    """The channels and the life, then five a supply."""
    args: Args = [keys.control, keys.done, ms(life)]
    for one in supplies:
        end = one.otherwise
        args += (one.id, one.number, one.value or b"", end.phase if end else "", outcomes.encode(end) if end else b"")
    return args


def clear(reported: Sequence[Outcome]) -> Args:
    """Two an outcome."""
    args: Args = []
    for outcome in reported:
        args += (outcome.id, outcomes.encode(outcome))
    return args


def replay(ids: Sequence[str], messages: Sequence[bytes]) -> Args:
    """Three a dead letter; b"" for a message that stays as it is."""
    args: Args = ["1"]
    for id, message in zip(ids, messages, strict=True):
        args += (id, _STREAM[priority_of(message)], message)
    return args


def purge(ids: Sequence[str]) -> Args:
    """The same for those that are forgotten."""
    args: Args = ["0"]
    for id in ids:
        args += (id, _STREAM["normal"], b"")
    return args


def settings(config: QueueConfig | None) -> Args:
    """Two a field; '' removes it. What the functions read stands beside the whole, as they read it."""
    limits = config.limits if config else Limits()
    fields: dict[str, object] = {
        "config": msgspec.json.encode(config) if config else None,
        "max": limits.concurrency,
        "per_key": limits.concurrency_per_key,
        "rate_interval": repr(limits.period * 1000 / limits.rate) if limits.rate else None,
        "rate_burst": limits.burst if limits.rate else None,
        "rate_per_key": int(limits.rate_per_key) if limits.rate else None,
        "max_depth": limits.depth,
        "max_crashes": config.max_crashes if config else None,
        "dead_ms": ms(config.dead_seconds) if config else None,
        "dead_length": config.dead_letters if config else None,
    }
    args: Args = []
    for name, value in fields.items():
        args += (name, value if isinstance(value, bytes) else "" if value is None else str(value))
    return args


def blocking_read(keys: QueueKeys, consumer: str, block: float) -> Command:
    """XREADGROUP over all that may be run beside others."""
    group = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", DELIVERY_COUNT, "BLOCK", max(1, ms(block)))
    return (*group, "STREAMS", *keys.streams[:_READ], *[">"] * _READ)


def attend(claimer: Claimer, busy: int, resting: Cordon | None) -> Args:
    """One process's word."""
    return [claimer.consumer, claimer.worker, busy, ms(resting.until) if resting else 0]


def depth(keys: QueueKeys, horizon: float) -> Command:
    """One queue's, seconds ahead."""
    return fcall("depth", keys.fixed, [ms(horizon)])
