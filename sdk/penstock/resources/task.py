"""Task: one call of a registered function."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.resources.kinds import API_VERSION, TASK, Kind
from penstock.resources.limits import MESSAGE_LENGTH, TRACEBACK_LENGTH
from penstock.resources.meta import Conditions, Resource
from penstock.resources.model import (
    Json,
    JsonObject,
    Model,
    Moment,
    ObjectName,
    QueueName,
    Rule,
    Seconds,
    Spelling,
    unchanged,
)
from penstock.resources.phase import TERMINAL, Phase
from penstock.resources.retry import RetryPolicy

TaskName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*([.][A-Za-z0-9_-]+)*$"),
    Spelling("isn't a name of a task: use the registered name, APP.FUNCTION, such as shop.send_welcome"),
]
Key = Annotated[str, Field(min_length=1, max_length=256)]


class Priority(StrEnum):
    """The four priorities of a queue."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class OnFailure(StrEnum):
    """What happens to a Task when a Task that it depends on doesn't succeed."""

    CANCEL = "Cancel"
    RUN = "Run"


class Dependency(Model):
    """Another Task of the same namespace that must finish first."""

    name: ObjectName
    """Name of the other Task."""
    on_failure: OnFailure = OnFailure.CANCEL
    """What happens if the other Task doesn't succeed. Cancel: this Task is cancelled. Run: this Task runs."""


def _immutable(field: str) -> Rule:
    return Rule(unchanged(field), f"spec.{field} is immutable: create another Task instead")


class TaskSpec(Model):
    """What to call, when, and how often to try."""

    rules = (
        *map(_immutable, ("queue", "concurrencyKey", "idempotencyKey")),
        Rule(
            "!(has(self.notBefore) && has(self.delaySeconds))",
            "spec.notBefore and spec.delaySeconds exclude each other: keep one",
        ),
        Rule(
            "!has(self.deadlineSeconds) || !has(self.delaySeconds) || self.deadlineSeconds > self.delaySeconds",
            "spec.deadlineSeconds counts from creation and ends before spec.delaySeconds does: raise the deadline or "
            "shorten the delay",
        ),
    )

    task: TaskName
    """Registered name of the function: APP.FUNCTION, unless the code names it otherwise. Immutable."""
    queue: QueueName | None = None
    """Queue of the task. Default: the part of the task's name before the first dot. Immutable."""
    args: Annotated[tuple[Json, ...], Field(max_length=256)] = ()
    """Positional arguments, any JSON. args and kwargs together take at most 128 KiB. Immutable."""
    kwargs: JsonObject = Field(default_factory=dict)
    """Keyword arguments, any JSON. Immutable."""
    priority: Priority = Priority.NORMAL
    """Priority within the queue. Tasks with low priority start later, but they always get a share."""
    not_before: Moment | None = None
    """Earliest start. Excludes delaySeconds."""
    delay_seconds: Seconds | None = None
    """Earliest start, counted from creation. Excludes notBefore."""
    timeout_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time of one attempt. Default: that of the TaskQueue, else unlimited."""
    deadline_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time from creation to a terminal phase."""
    retry: RetryPolicy | None = None
    """When a failed attempt is tried again. Default: the policy of the TaskQueue as a whole, else 3 attempts."""
    idempotency_key: Key | None = None
    """Of several Tasks with the same key, one runs. The others get its outcome. Immutable."""
    concurrency_key: Key | None = None
    """Groups Tasks for the limits per key of the TaskQueue, such as a customer's number. Immutable."""
    depends_on: Annotated[
        tuple[Dependency, ...],
        Field(
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """Tasks of this namespace that must finish first."""
    suspend: bool = False
    """true: the task isn't queued. Set it to false to queue it."""
    cancel: bool = False
    """true: cancel, whether queued or running."""
    run: Annotated[
        int,
        Field(ge=1, le=1_000_000_000),
        Rule("self >= oldSelf", "spec.run may only grow: raise it to run a finished Task again"),
    ] = 1
    """Number of the run. Raise it to run a finished Task again. An earlier run that hasn't ended is cancelled, and the
    new run starts after its end."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10**10)] | None = None
    """How long the finished Task is kept, or longer while a Task depends on it. Default: that of the TaskQueue, else
    86400."""

    def queue_name(self) -> str:
        """The explicit queue, or the part of the task's name before the first dot."""
        return self.queue or self.task.partition(".")[0]


class Progress(Model):
    """The last progress that the running function reported."""

    percent: Annotated[int, Field(ge=0, le=100)]
    """Share of the work that is done."""
    message: Annotated[str, Field(max_length=MESSAGE_LENGTH)] = ""


class TaskError(Model):
    """The exception that ended the last attempt, as data."""

    type: Annotated[str, Field(max_length=256)]
    """Qualified name of the exception's class."""
    message: Annotated[str, Field(max_length=MESSAGE_LENGTH)] = ""
    traceback: Annotated[str, Field(max_length=TRACEBACK_LENGTH)] = ""
    retryable: bool = False
    """Whether another attempt could succeed."""


def _final_phases() -> str:
    return ", ".join(f"'{phase}'" for phase in Phase if phase in TERMINAL)


# What tells one end from another. (CEL can't compare results, which have no type; and reckons the comparison of
# optional strings as dearer than its budget.)
FINAL = ("phase", "finishedAt", "attempts", "worker")


class TaskStatus(Model):
    """The state of the Task. The operator and the worker that runs it write it."""

    nullable = frozenset({"result"})
    # A status without `run` speaks of run 1.
    rules = (
        Rule(
            f"!(oldSelf.phase in [{_final_phases()}]) || self.?run.orValue(1) > oldSelf.?run.orValue(1)"
            " || (self.phase == oldSelf.phase && self.?finishedAt == oldSelf.?finishedAt"
            " && self.?attempts.orValue(0) == oldSelf.?attempts.orValue(0)"
            " && has(self.worker) == has(oldSelf.worker) && (!has(self.worker) || self.worker == oldSelf.worker))",
            f"{', '.join(f'status.{field}' for field in FINAL)} are final for this run: raise spec.run to run the Task "
            "again",
        ),
        Rule(
            "self.?run.orValue(1) >= oldSelf.?run.orValue(1)",
            "status.run may only grow: a later run has already begun, drop this write",
        ),
    )

    phase: Phase = Phase.PENDING
    """Succeeded, Failed, Cancelled and DeadLettered are terminal: they never change within a run."""
    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status describes. -1 before the operator has seen the Task."""
    conditions: Conditions = ()
    """Admitted, Finished (any terminal phase), Complete, Failed, Reconciling, Stalled."""
    run: Annotated[int, Field(ge=1)] | None = None
    """The run that this status describes."""
    attempts: Annotated[int, Field(ge=0)] | None = None
    """Number of attempts in this run."""
    worker: Annotated[str, Field(max_length=253)] | None = None
    """Name of the pod that ran the last attempt."""
    queued_at: Moment | None = None
    """When the task was queued."""
    started_at: Moment | None = None
    """When the last attempt started."""
    finished_at: Moment | None = None
    """When the task reached a terminal phase."""
    queue_seconds: Seconds | None = None
    """Seconds from queuedAt to the first start."""
    run_seconds: Seconds | None = None
    """Seconds that the last attempt took."""
    trace_id: Annotated[
        str | None,
        Field(alias="traceID", max_length=32, pattern=r"^[0-9a-f]{32}$"),
    ] = None
    """OpenTelemetry trace of the Task: 32 hexadecimal digits."""
    progress: Progress | None = None
    result: Json = None
    """What the function returned: any JSON up to 16 KiB. null is kept."""
    result_ref: Annotated[str, Field(max_length=1024)] | None = None
    """Where a larger result is stored."""
    error: TaskError | None = None


# What the message of a queued Task is made of, and may change until a worker has begun it.
_BEGUN = (Phase.RUNNING, Phase.RETRYING)
_OF_THE_MESSAGE = ("priority", "notBefore", "delaySeconds", "timeoutSeconds", "deadlineSeconds", "retry")


def _settled_by(field: str, phases: Sequence[Phase], when: str) -> Rule:
    """In these phases it doesn't change, unless another run is asked for."""
    listed = ", ".join(f"'{phase}'" for phase in phases)
    return Rule(
        f"!(has(oldSelf.status) && oldSelf.status.phase in [{listed}]) || self.spec.run > oldSelf.spec.run"
        f" || ({unchanged(f'spec.{field}')})",
        f"spec.{field} can't change once {when}: raise spec.run too, or wait for the end",
    )


class Task(Resource):
    """One call of a registered Python function, queued by the operator and run by a worker."""

    definition: ClassVar[Kind] = TASK
    rules = (
        *(_settled_by(field, _BEGUN, "a worker has begun the Task") for field in _OF_THE_MESSAGE),
        _settled_by("dependsOn", (Phase.QUEUED, *_BEGUN), "the Task was queued"),
        Rule(
            "!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.name != self.metadata.name)",
            "spec.dependsOn names the Task itself: remove that entry",
        ),
    )

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["Task"] = "Task"
    spec: TaskSpec
    status: TaskStatus = TaskStatus()
