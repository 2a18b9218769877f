"""TaskQueue: limits and defaults of a queue. A queue without this resource has Penstock's defaults."""

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
        "isn't a pattern of task names: use letters, digits, '_', '-', '.' and the wildcards * ? [], such as shop.*"
    ),
]


class Overflow(StrEnum):
    """What happens to a task that would exceed maxDepth."""

    REJECT = "Reject"
    WAIT = "Wait"


class RateLimit(Model):
    """At most `tasks` starts in `periodSeconds`, evenly spread, over all workers (GCRA)."""

    tasks: Limit
    """Number of starts."""
    period_seconds: Annotated[float, Field(gt=0, le=10**10)] = 1
    """Length of the period."""
    burst: Limit | None = None
    """How many tasks may start at once after an idle time. Default: 1, which spreads the starts evenly."""
    per_key: bool = False
    """true: the limit applies to each concurrencyKey. false: to the queue as a whole."""


class Concurrency(Model):
    """How many tasks run at once, over all workers. Without a number, there is no limit."""

    max: Limit | None = None
    """Limit of the whole queue."""
    per_key: Limit | None = None
    """Limit of the tasks with the same concurrencyKey."""


class DeadLetter(Model):
    """How many dead letters are kept for replay, and how long."""

    retention_seconds: Lifetime = 604_800
    """How long a dead letter is kept. Default: a week."""
    max_length: Limit = 10_000
    """Largest number of dead letters. Beyond it, the oldest are deleted."""


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
    """Retry policy of tasks without one of their own."""
    timeout_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time of one attempt, for tasks without a timeout of their own."""
    max_depth: Limit | None = None
    """How many tasks may wait. See overflow."""
    overflow: Overflow | None = None
    """Reject (default): a task beyond maxDepth is refused. Wait: it waits until there is room."""
    dead_letter: DeadLetter = DeadLetter()
    result_ttl_seconds: Annotated[int, Field(alias="resultTTLSeconds", ge=1, le=10**10)] = 3600
    """How long the broker keeps the result of a task that isn't a resource."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10**10)] | None = None
    """How long finished Tasks without a value of their own are kept. Default: 86400."""
    allowed_tasks: Annotated[tuple[NameGlob, ...], Field(max_length=64)] = ()
    """Patterns of the task names that the queue accepts, such as shop.*. Empty: all."""
    max_crashes: Annotated[int, Field(ge=1, le=1000)] = DEFAULT_MAX_CRASHES
    """How often the worker of a task may die before the task becomes a dead letter."""


class TaskQueueStatus(Model):
    """The number of tasks in each state. Written when it changes, at most every 5 s."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status describes. -1 before the operator has seen the queue."""
    depth: Count | None = None
    """Tasks ready to start."""
    delayed: Count | None = None
    """Tasks that wait for their start time or their next attempt."""
    parked: Count | None = None
    """Tasks with a name that no live worker knows."""
    in_flight: Count | None = None
    """Tasks that a worker holds."""
    dead_lettered: Count | None = None
    """Dead letters, kept for replay."""
    oldest_seconds: Seconds | None = None
    """How long the oldest ready task has waited."""
    conditions: Conditions = ()


class TaskQueue(Resource):
    """Limits of a queue, and defaults for its tasks. Its name is the name of the queue."""

    definition: ClassVar[Kind] = TASK_QUEUE

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["TaskQueue"] = "TaskQueue"
    spec: TaskQueueSpec = TaskQueueSpec()
    status: TaskQueueStatus = TaskQueueStatus()
