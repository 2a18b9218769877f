"""Scaling in without ending a busy worker. Pure: what is seen of a pool's workers in, the next step out.

    choose → cordon → (at rest) → mark → (seen) → lower → (gone)

Chosen are idle workers first, then the least busy: they claim nothing any more, finish what they run, and say so.
Only then does the Deployment's count go down, by as many as Kubernetes would take first. It ranks a ReplicaSet's pods
by itself (`ActivePodsWithRanks` in its controller: unassigned, pending, unready ones first, then by deletion cost), so
the chosen get a low cost, and the count waits until the ranking as seen here begins with them. Whatever demand comes
back meanwhile gets its workers back at once.

Stateless but for who was chosen: a restarted operator chooses anew, and forgotten cordons end by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from penstock_operator.deletion_cost import USUAL_COST

__all__ = [
    "CORDON_SECONDS",
    "Chosen",
    "Crew",
    "Step",
    "Worker",
    "lowered",
    "plan",
    "strays",
]

CORDON_SECONDS = 30.0  # a cordon ends by itself: whoever gave it may have died
RENEW_SECONDS = 10.0
# The controller's cache may lag behind ours, which has just seen the cost.
SEEN_SECONDS = 0.3
PATIENCE_SECONDS = 5.0  # with a chosen one that goes on with its tasks, while others are idle
LEAVING_SECONDS = 15.0  # for the ReplicaSet to delete what the count has no place for

PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


@dataclass(frozen=True, slots=True)
class Worker:
    """One pod. `busy`: tasks that it holds. `attends`: its processes say that they live; `resting`: and that they claim
    nothing any more."""

    name: str
    assigned: bool = True
    phase: str = "Running"
    ready: bool = True
    cost: int = USUAL_COST
    created: float = 0.0
    busy: int = 0
    attends: bool = True
    resting: bool = False

    @property
    def standing(self) -> tuple[int, int, int]:
        """Kubernetes' first criteria; the least goes first."""
        return int(self.assigned), PHASES.get(self.phase, 2), int(self.ready)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A worker that is to go, `since` when. `attended`: whether it did when it was cordoned (None: nobody has said);
    one that didn't asks before it claims. `marked_at`: when its low cost was first seen. `lowered_at`: when the count
    was lowered for it."""

    since: float
    cordoned_at: float = float("-inf")
    attended: bool | None = None
    marked_at: float | None = None
    lowered_at: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done next: cordon these (again), lift that of those, mark and unmark pods, set the count.
    `leaving` are those for whom it is lowered."""

    replicas: int
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    cordon: frozenset[str] = frozenset()
    lift: frozenset[str] = frozenset()
    mark: frozenset[str] = frozenset()
    unmark: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()

    @property
    def under_way(self) -> bool:
        """Whether to look again soon."""
        return bool(self.chosen or self.lift)


@dataclass(frozen=True, slots=True)
class Crew:
    """A Deployment's workers: those that live, how many it `wants`, and how many `exist` as far as it says."""

    workers: Collection[Worker]
    wants: int
    exist: int = 0


def plan(crew: Crew, chosen: Mapping[str, Chosen], desired: int, now: float) -> Step:
    """The next step towards `desired` replicas. Seconds of any clock."""
    living, wanted = {worker.name: worker for worker in crew.workers}, crew.wants
    leaving, others = _leaving(living, chosen, wanted, now)
    staying = {name: worker for name, worker in living.items() if name not in leaving}
    # Pods that aren't there yet need no farewell; of such as weren't seen yet, though they exist, nobody knows.
    base = max(desired, min(wanted, max(len(staying), crew.exist - len(leaving))))
    picked = _picked(staying, others, base - desired, now)
    kept = {name: _noted(staying[name], others.get(name, Chosen(now)), now) for name in picked}
    first = _first_to_go(staying, kept, now)[: base - desired]
    given_back = chosen.keys() & living.keys() - kept.keys() - leaving.keys()
    return Step(
        replicas=base - len(first),
        chosen={**leaving, **kept},
        cordon=frozenset(name for name, one in {**leaving, **kept}.items() if now - one.cordoned_at >= RENEW_SECONDS),
        lift=frozenset(given_back),
        mark=frozenset(name for name, one in kept.items() if _at_rest(staying[name], one) and staying[name].cost >= 0),
        unmark=frozenset(name for name, one in staying.items() if one.cost < 0 and name not in kept),
        leaving=frozenset(first),
    )


def _leaving(
    living: Mapping[str, Worker], chosen: Mapping[str, Chosen], wanted: int, now: float
) -> tuple[dict[str, Chosen], dict[str, Chosen]]:
    """Those for whom the count was lowered and who aren't gone yet; and the rest of the chosen. Where others went in
    their stead, or nobody did, they are as good as before."""
    due = {name: one for name, one in chosen.items() if name in living and one.lowered_at is not None}
    surplus = len(living) > wanted
    leaving = {name: one for name, one in due.items() if surplus and now - (one.lowered_at or 0) < LEAVING_SECONDS}
    return leaving, {name: one for name, one in chosen.items() if name in living and name not in due}


def _picked(staying: Mapping[str, Worker], chosen: Mapping[str, Chosen], count: int, now: float) -> list[str]:
    """Who is to go: whoever Kubernetes takes first in any case, then those already chosen (unless they turn out to be
    busy for long), the idle, the least busy, and of those the youngest."""

    def order(worker: Worker) -> tuple[object, ...]:
        one = chosen.get(worker.name)
        early = one is not None and not (worker.busy and now - one.since > PATIENCE_SECONDS)
        return (worker.standing, not early, worker.busy, one is None, -worker.created, worker.name)

    return [worker.name for worker in sorted(staying.values(), key=order)[:count]]


def _noted(worker: Worker, one: Chosen, now: float) -> Chosen:
    """When its low cost was first seen."""
    if worker.cost >= 0:
        return replace(one, marked_at=None) if one.marked_at is not None else one
    return replace(one, marked_at=now) if one.marked_at is None else one


def _at_rest(worker: Worker, one: Chosen) -> bool:
    """Whether it can't begin anything: it has said so, or it will ask before it does."""
    return not worker.busy and one.attended is not None and (worker.resting or not (one.attended or worker.attends))


def _first_to_go(staying: Mapping[str, Worker], chosen: Mapping[str, Chosen], now: float) -> list[str]:
    """Of those that are ready to go, as many as lead Kubernetes' ranking."""
    ranking = sorted(staying.values(), key=lambda worker: (worker.standing, worker.cost))
    first: list[str] = []
    for worker in ranking:
        one = chosen.get(worker.name)
        seen = one is not None and one.marked_at is not None and now - one.marked_at >= SEEN_SECONDS
        if one is None or not seen or not _at_rest(worker, one):
            break
        first.append(worker.name)
    return first


def strays(before: Collection[str], crew: Crew, chosen: Mapping[str, Chosen]) -> frozenset[str]:
    """Who went since `before` though others had been chosen: Kubernetes' ranking was another."""
    if not any(one.lowered_at is not None for one in chosen.values()):
        return frozenset()
    return frozenset(before) - {worker.name for worker in crew.workers} - chosen.keys()


def lowered(chosen: Mapping[str, Chosen], names: Collection[str], now: float) -> dict[str, Chosen]:
    """The chosen, once the count was lowered for some of them."""
    return {name: replace(one, lowered_at=now) if name in names else one for name, one in chosen.items()}
