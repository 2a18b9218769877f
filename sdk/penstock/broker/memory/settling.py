"""Ends of attempts, as in `settle.lua`."""

from __future__ import annotations

from penstock.broker.memory.gate import free_key
from penstock.broker.memory.lot import end_item, lot_of
from penstock.broker.memory.state import SUSPECT, Memory, State
from penstock.broker.messages import Ended, Settlement, Verb
from penstock.keys import queue_of
from penstock.outcome import Outcome
from penstock.status import Phase

__all__ = ["finish", "free_unique", "keep_end", "settle", "take_unique", "trim_dead"]


def settle(memory: Memory, settlement: Settlement) -> bool:
    """End one attempt, if its lease holds."""
    id = settlement.lease.id
    state = memory.tasks.get(id)
    if state is None or state.nonce != settlement.lease.nonce:
        # It was settled so before, and the answer was lost.
        return settlement.outcome is not None and state is None and memory.outcome(id) == settlement.outcome
    state.nonce = ""
    memory.drop(id, state)
    _count(memory, settlement, state)
    if settlement.verb is Verb.END and settlement.outcome is not None:
        lot, index = lot_of(memory, id)
        if settlement.phase is Phase.DEAD_LETTERED and lot is None:  # a batch keeps what failed of it itself
            queue = memory.queues[queue_of(id)]
            queue.dead[id] = (memory.clock(), state)
            trim_dead(memory, queue_of(id))
        keep_end(memory, settlement.outcome, state, settled=True)
        finish(memory, settlement.outcome, state, settlement.life)
        if lot is not None:
            end_item(memory, lot, index, settlement.phase, state.message)
    else:
        _put_back(memory, id, state, settlement)
    free_key(memory, id, state)
    _tell_room(memory, queue_of(id))
    return True


def _count(memory: Memory, settlement: Settlement, state: State) -> None:
    if settlement.verb not in (Verb.RELEASE, Verb.PARK):
        queue = memory.queues[settlement.lease.queue]
        queue.settled += 1
        queue.ran += max(0.0, memory.clock() - state.started_at)


def _put_back(memory: Memory, id: str, state: State, settlement: Settlement) -> None:
    verb, queue, now = settlement.verb, memory.queues[queue_of(id)], memory.clock()
    state.paced = False
    state.retrying = state.retrying or verb is Verb.RETRY
    state.crashes += verb is Verb.CRASH
    if verb in (Verb.RELEASE, Verb.PARK):
        state.attempts = max(0, state.attempts - 1)
    if verb is Verb.PARK:
        state.starts = max(0, state.starts - 1)  # its function was never called
        queue.parked[id] = now
        return
    place = SUSPECT if verb is Verb.RELEASE and state.crashes else state.priority
    memory.wait(id, state, now + settlement.delay, place)


def keep_end(memory: Memory, outcome: Outcome, state: State, *, settled: bool = False) -> None:
    """Keep how a linked task ended until those whom that concerns have been told."""
    if state.links is None and not state.children:
        return
    told, queue = settled and not state.children, queue_of(outcome.id)
    ended = Ended(outcome, state.message, state.children, state.waits)
    memory.queues[queue].ended[outcome.id] = (memory.clock() if told else 0.0, ended)
    if not told:
        memory.signal("ended", queue)
        memory.wake(queue)


def finish(memory: Memory, outcome: Outcome, state: State, life: float) -> None:
    """Write the outcome in place of the state; frees the idempotency key as its scope says."""
    id = outcome.id
    memory.tasks.pop(id, None)
    memory.record(outcome, life)
    if outcome.resource is not None:
        memory.queues[queue_of(id)].outbox[id] = outcome
    if state.unique is not None:
        failed = outcome.phase is not Phase.SUCCEEDED
        over = not state.unique.keep_on_failure if failed else state.unique.until == "finished"
        if over:
            free_unique(memory, id, state)
    state.ended.ring()


def free_unique(memory: Memory, id: str, state: State) -> None:
    """Free a task's idempotency key, if the task still holds it."""
    unique = memory.queues[queue_of(id)].unique
    if state.unique is not None and unique.get(state.unique.key, ("", 0.0))[0] == id:
        del unique[state.unique.key]


def take_unique(memory: Memory, id: str, state: State) -> None:
    """Give a replayed task its idempotency key again; where another task has it by now, it runs without."""
    unique, held = state.unique, memory.queues[queue_of(id)].unique
    if unique is None:
        return
    holder, until = held.get(unique.key, ("", 0.0))
    if until <= memory.clock():
        held[unique.key] = (id, memory.clock() + unique.ttl)
    elif holder != id:
        state.unique = None


def trim_dead(memory: Memory, name: str) -> None:
    """Forget dead letters that are too old or too many."""
    queue = memory.queues[name]
    oldest = memory.clock() - queue.config.dead_seconds
    excess = len(queue.dead) - queue.config.dead_letters
    for number, id in enumerate(sorted(queue.dead, key=lambda id: queue.dead[id][0])):
        if number < excess or queue.dead[id][0] <= oldest:
            del queue.dead[id]


def _tell_room(memory: Memory, name: str) -> None:
    queue = memory.queues[name]
    if queue.somebody_waits:
        queue.somebody_waits = False
        memory.signal("open", name)
