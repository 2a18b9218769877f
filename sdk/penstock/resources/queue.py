"""TaskQueue: limits and defaults of a queue. A queue without this resource works with the defaults."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.resources.kinds import API_VERSION, TASK_QUEUE, Kind
from penstock.resources.meta import Conditions, Resource
from penstock.resources.model import Model, Rule, Seconds, Spelling
from penstock.resources.retry import RetryPolicy

DEFAULT_MAX_CRASHES = 3

Count = Annotated[int, Field(ge=0)]
Limit = Annotated[int, Field(ge=1, le=1_000_000_000)]
Lifetime = Annotated[int, Field(ge=1, le=10**10)]

NameGlob = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9_.*?\[\]!-]+$"),
    Spelling(
        "is no pattern of task names: use letters, digits, '_', '-', '.' and the wildcards * ? [], such as shop.*"
    ),
]


class Overflow(StrEnum):
    """What happens to a task that would exceed maxDepth."""

    REJECT = "Reject"
    WAIT = "Wait"


class RateLimit(Model):
    """At most `tasks` starts in `periodSeconds`, evenly spread, over all workers (GCRA)."""

    tasks: Limit
    """How many starts."""
    period_seconds: Annotated[float, Field(gt=0, le=10**10)] = 1
    """In how long."""
    burst: Limit | None = None
    """How many may start at once after a lull. Default: 1, an even spread."""
    per_key: bool = False
    """true: each concurrencyKey has a limit of its own, instead of the queue as a whole."""


class Concurrency(Model):
    """How many tasks run at once over all workers; without a number there is no limit."""

    max: Limit | None = None
    """Of the whole queue."""
    per_key: Limit | None = None
    """Of the tasks with the same concurrencyKey."""


class DeadLetter(Model):
    """How long and how many dead-lettered tasks are kept for replay."""

    retention_seconds: Lifetime = 604_800
    """How long each is kept; a week unless you say otherwise."""
    max_length: Limit = 10_000
    """Beyond it the oldest are dropped."""


class TaskQueueSpec(Model):
    """Limits of the queue, and defaults for its tasks."""

    rules = (
        Rule(
            "!has(self.overflow) || has(self.maxDepth)",
            "spec.overflow has no effect without spec.maxDepth: set maxDepth or remove overflow",
        ),
    )

    paused: bool = False
    """true: tasks are accepted, but none starts."""
    rate_limit: RateLimit | None = None
    concurrency: Concurrency | None = None
    retry: RetryPolicy | None = None
    """For tasks that bring no policy of their own."""
    timeout_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time of one attempt, for tasks that don't say."""
    max_depth: Limit | None = None
    """How many tasks may wait; see overflow."""
    overflow: Overflow | None = None
    """Reject (default): a task beyond maxDepth is refused. Wait: it is held back until there is room."""
    dead_letter: DeadLetter = DeadLetter()
    result_ttl_seconds: Annotated[int, Field(alias="resultTTLSeconds", ge=1, le=10**10)] = 3600
    """How long the broker keeps the result of a task that is no resource."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10**10)] | None = None
    """Life of finished Tasks that don't say. Default: 86400."""
    allowed_tasks: Annotated[tuple[NameGlob, ...], Field(max_length=64)] = ()
    """Patterns of the task names that the queue accepts, such as shop.*; empty: all."""
    max_crashes: Annotated[int, Field(ge=1, le=1000)] = DEFAULT_MAX_CRASHES
    """How many workers one task may take down with it before it is dead-lettered."""


class TaskQueueStatus(Model):
    """What the queue holds; written on change, at most every 5 s."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status speaks of; -1 before the operator has seen the queue."""
    depth: Count | None = None
    """Tasks ready to start."""
    delayed: Count | None = None
    """Tasks that wait for their time or their next attempt."""
    parked: Count | None = None
    """Tasks whose name no live worker knows."""
    in_flight: Count | None = None
    """Tasks held by a worker."""
    dead_lettered: Count | None = None
    """Tasks kept for replay."""
    oldest_seconds: Seconds | None = None
    """How long the oldest ready task has waited."""
    conditions: Conditions = ()


class TaskQueue(Resource):
    """Limits of a queue and defaults for its tasks; its name is the queue's."""

    definition: ClassVar[Kind] = TASK_QUEUE

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["TaskQueue"] = "TaskQueue"
    spec: TaskQueueSpec = TaskQueueSpec()
    status: TaskQueueStatus = TaskQueueStatus()
