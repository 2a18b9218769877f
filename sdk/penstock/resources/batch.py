"""TaskBatch: many calls of one function, as one resource."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.resources.kinds import API_VERSION, TASK_BATCH, Kind
from penstock.resources.limits import DEFAULT_TTL_SECONDS, FAILED_INDEXES_LENGTH, MAX_INLINE_ITEMS, MAX_ITEMS
from penstock.resources.meta import Conditions, Resource
from penstock.resources.model import Json, JsonObject, Model, Moment, QueueName, Rule, unchanged
from penstock.resources.phase import BATCH_TERMINAL, BatchPhase
from penstock.resources.retry import RetryPolicy
from penstock.resources.task import Priority, TaskName

Count = Annotated[int, Field(ge=0, le=MAX_ITEMS)]


class BatchItem(Model):
    """The arguments of one call."""

    args: Annotated[tuple[Json, ...], Field(max_length=256)] = ()
    """Positional arguments, any JSON. args and kwargs of one item together take at most 128 KiB."""
    kwargs: JsonObject = Field(default_factory=dict)
    """Keyword arguments, any JSON."""


class FailurePolicy(Model):
    """How many items may fail in one run. If more fail, the others are cancelled and the batch fails."""

    rules = (
        Rule(
            "has(self.maxFailures) != has(self.maxFailureRatio)",
            "failurePolicy takes either maxFailures or maxFailureRatio: set one of them",
        ),
    )

    max_failures: Count | None = None
    """Number of items that may fail."""
    max_failure_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of all items that may fail. It applies once the number of items is known."""


class TaskBatchSpec(Model):
    """What to call, with which arguments, how many at a time, and how many may fail."""

    rules = (
        Rule(
            "!(has(self.items) && has(self.itemCount))",
            "spec.items and spec.itemCount exclude each other: itemCount is for items that the SDK streams",
        ),
        Rule(
            "has(self.items) == has(oldSelf.items) && (!has(self.items) || size(self.items) == size(oldSelf.items))",
            "spec.items is immutable: create another TaskBatch instead",
        ),
        Rule(
            "has(self.itemCount) || !has(oldSelf.itemCount)",
            "spec.itemCount can't be taken back: the items are streamed; set spec.cancel to end the batch",
        ),
        Rule("has(self.queue) == has(oldSelf.queue)", "spec.queue is immutable: create another TaskBatch instead"),
        # Items that were sent have them already.
        *(
            Rule(unchanged(field), f"spec.{field} is immutable: create another TaskBatch instead")
            for field in ("timeoutSeconds", "retry")
        ),
    )

    task: Annotated[TaskName, Rule("self == oldSelf", "spec.task is immutable: create another TaskBatch instead")]
    """Registered name of the function: APP.FUNCTION, unless the code names it otherwise. Immutable."""
    queue: (
        Annotated[QueueName, Rule("self == oldSelf", "spec.queue is immutable: create another TaskBatch instead")]
        | None
    ) = None
    """Queue of the items. Default: the part of the task's name before the first dot. Immutable."""
    items: Annotated[tuple[BatchItem, ...], Field(max_length=MAX_INLINE_ITEMS)] | None = None
    """The items, if they fit into one object (about 1 MB). The SDK can stream more than that. Immutable."""
    item_count: (
        Annotated[
            Count,
            Rule("self == oldSelf", "spec.itemCount was set when all items had been streamed: leave it as it is"),
        ]
        | None
    ) = None
    """How many items were streamed. The SDK sets it after the last one. Excludes items."""
    parallelism: Annotated[int, Field(ge=1, le=MAX_ITEMS)] | None = None
    """How many items may be queued or running at a time. Default: all."""
    failure_policy: FailurePolicy | None = None
    """How many items may fail. Default: all items run, and the batch fails if one fails."""
    priority: Priority = Priority.NORMAL
    """Priority within the queue."""
    timeout_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time of one attempt at an item. Default: that of the TaskQueue, else unlimited.
    Immutable."""
    deadline_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time from creation to the end; of a later run, from its start. Items that haven't ended are cancelled."""
    retry: RetryPolicy | None = None
    """When a failed item is tried again. Default: the policy of the TaskQueue as a whole, else 3 attempts.
    Immutable."""
    suspend: bool = False
    """true: no item starts. Running items continue."""
    cancel: bool = False
    """true: cancel all items that haven't ended, whether queued or running."""
    run: Annotated[
        int,
        Field(ge=1, le=1_000_000_000),
        Rule("self >= oldSelf", "spec.run may only grow: raise it to run again what didn't succeed"),
    ] = 1
    """Number of the run. Raise it to run the items of a finished batch again that didn't succeed."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10**10)] | None = None
    """How long the finished batch is kept. Default: that of the TaskQueue, else 86400."""

    def queue_name(self) -> str:
        """The explicit queue, or the part of the task's name before the first dot."""
        return self.queue or self.task.partition(".")[0]

    @property
    def total(self) -> int | None:
        """How many items there are. None while they are being streamed."""
        return self.item_count if self.items is None else len(self.items)

    @property
    def tolerance(self) -> int | None:
        """How many items may fail. None: no limit, or not known yet."""
        policy = self.failure_policy
        if policy is None:
            return None
        if policy.max_failures is not None:
            return policy.max_failures
        return None if self.total is None else int((policy.max_failure_ratio or 0) * self.total)

    @property
    def life(self) -> float:
        """How long the broker keeps an item's outcome, seconds."""
        return max(self.ttl_seconds_after_finished or 0, DEFAULT_TTL_SECONDS)


class TaskBatchStatus(Model):
    """Phase and counts. The operator writes them when they change, at most once a second."""

    # A status without `run` speaks of run 1.
    rules = (
        Rule(
            f"!(oldSelf.phase in [{', '.join(repr(str(phase)) for phase in BatchPhase if phase in BATCH_TERMINAL)}])"
            " || self.phase == oldSelf.phase || self.?run.orValue(1) > oldSelf.?run.orValue(1)",
            "status.phase is final for this run: raise spec.run to run what didn't succeed again",
        ),
    )

    phase: BatchPhase = BatchPhase.PENDING
    """Succeeded, Failed and Cancelled are terminal: they never change within a run."""
    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status describes. -1 before the operator has seen the batch."""
    conditions: Conditions = ()
    """Admitted, Finished (any terminal phase), Complete, Failed, Reconciling, Stalled."""
    run: Annotated[int, Field(ge=1)] | None = None
    """The run that this status describes."""
    total: Count | None = None
    """How many items there are. While they are streamed: how many were sent so far."""
    waiting: Count | None = None
    """Items that aren't on their queue: beyond parallelism, suspended, or not sent yet."""
    active: Count | None = None
    """Items that are queued or running."""
    succeeded: Count | None = None
    """Items that succeeded, in this run or an earlier one."""
    failed: Count | None = None
    """Items that failed and have no retry left."""
    cancelled: Count | None = None
    """Items that were cancelled."""
    failed_indexes: Annotated[str, Field(max_length=FAILED_INDEXES_LENGTH)] | None = None
    """Indexes of the failed items, from 0, such as 1,3-5,7. It ends in ,… if there are more."""
    started_at: Moment | None = None
    """When this run started."""
    finished_at: Moment | None = None
    """When the batch reached a terminal phase."""


class TaskBatch(Resource):
    """Many calls of one registered function: inline items, or any number streamed by the SDK."""

    definition: ClassVar[Kind] = TASK_BATCH

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["TaskBatch"] = "TaskBatch"
    spec: TaskBatchSpec
    status: TaskBatchStatus = TaskBatchStatus()
