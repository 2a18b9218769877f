"""Task: one call of a registered function."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.resources.kinds import API_VERSION, TASK, Kind
from penstock.resources.limits import MESSAGE_LENGTH, TRACEBACK_LENGTH
from penstock.resources.meta import Conditions, Resource
from penstock.resources.model import Json, JsonObject, Model, Moment, ObjectName, QueueName, Rule, Seconds, Spelling
from penstock.resources.phase import TERMINAL, Phase
from penstock.resources.retry import RetryPolicy

TaskName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*([.][A-Za-z0-9_-]+)*$"),
    Spelling("is no name of a task: use the registered name, APP.FUNCTION, such as shop.send_welcome"),
]
Key = Annotated[str, Field(min_length=1, max_length=256)]


class Priority(StrEnum):
    """Which of a queue's four lanes a task takes."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class OnFailure(StrEnum):
    """What becomes of a Task when one that it depends on doesn't succeed."""

    CANCEL = "Cancel"
    RUN = "Run"


class Dependency(Model):
    """Another Task of the same namespace that must finish first."""

    name: ObjectName
    """Name of the other Task."""
    on_failure: OnFailure = OnFailure.CANCEL
    """Cancel: this Task is cancelled with it. Run: this Task runs all the same."""


class TaskSpec(Model):
    """What to call, when, and how often to try."""

    rules = (
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
    """Queue that it waits in. Default: the part of the task's name before the first dot."""
    args: Annotated[tuple[Json, ...], Field(max_length=256)] = ()
    """Positional arguments, any JSON. args and kwargs together take at most 128 KiB. Immutable."""
    kwargs: JsonObject = Field(default_factory=dict)
    """Keyword arguments, any JSON. Immutable."""
    priority: Priority = Priority.NORMAL
    """Lane within the queue; lower ones are served less often, but never starve."""
    not_before: Moment | None = None
    """Earliest start. Excludes delaySeconds."""
    delay_seconds: Seconds | None = None
    """Earliest start, counted from creation. Excludes notBefore."""
    timeout_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time of one attempt. Default: from the TaskQueue, else unlimited."""
    deadline_seconds: Annotated[float, Field(gt=0, le=10**10)] | None = None
    """Longest time from creation to a terminal phase."""
    retry: RetryPolicy | None = None
    """When a failed attempt is tried again. Default: the whole policy of the TaskQueue, else 3 attempts."""
    idempotency_key: Key | None = None
    """Of several Tasks with the same key one runs; the others take over its outcome."""
    concurrency_key: Key | None = None
    """Groups Tasks for the limits per key of the TaskQueue, such as a customer's number."""
    depends_on: Annotated[
        tuple[Dependency, ...],
        Field(
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """Tasks of this namespace that must finish first."""
    suspend: bool = False
    """true: not queued until false."""
    cancel: bool = False
    """true: cancel, whether queued or running."""
    run: Annotated[
        int,
        Field(ge=1, le=1_000_000_000),
        Rule("self >= oldSelf", "spec.run may only grow: raise it to run a finished Task again"),
    ] = 1
    """Number of the run; raise it to run a finished Task again."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10**10)] | None = None
    """Life of the finished Task, longer while another depends on it. Default: from the TaskQueue, else 86400."""

    def queue_name(self) -> str:
        """The explicit queue, or the part of the task's name before the first dot."""
        return self.queue or self.task.partition(".")[0]


class Progress(Model):
    """What the running function said last of how far it is."""

    percent: Annotated[int, Field(ge=0, le=100)]
    """How much of the work is done."""
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
    """Where the Task is; written by the operator and the worker that runs it."""

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
    """Terminal ones are Succeeded, Failed, Cancelled and DeadLettered; they never change within a run."""
    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status speaks of; -1 before the operator has seen the Task."""
    conditions: Conditions = ()
    """Admitted, Finished (any terminal phase), Complete, Failed, Reconciling, Stalled."""
    run: Annotated[int, Field(ge=1)] | None = None
    """The run that this status speaks of."""
    attempts: Annotated[int, Field(ge=0)] | None = None
    """Starts of the function in this run."""
    worker: Annotated[str, Field(max_length=253)] | None = None
    """Name of the pod that ran the last attempt."""
    queued_at: Moment | None = None
    """When it was put on its queue."""
    started_at: Moment | None = None
    """When the last attempt started."""
    finished_at: Moment | None = None
    """When it reached a terminal phase."""
    queue_seconds: Seconds | None = None
    """From queuedAt to the first start."""
    run_seconds: Seconds | None = None
    """How long the last attempt took."""
    trace_id: Annotated[
        str | None,
        Field(alias="traceID", max_length=32, pattern=r"^[0-9a-f]{32}$"),
    ] = None
    """OpenTelemetry trace of the Task: 32 hexadecimal digits."""
    progress: Progress | None = None
    result: Json = None
    """What the function returned, any JSON up to 16 KiB; null is kept."""
    result_ref: Annotated[str, Field(max_length=1024)] | None = None
    """Where a larger result lies."""
    error: TaskError | None = None


class Task(Resource):
    """One call of a registered Python function, queued by the operator and run by a worker."""

    definition: ClassVar[Kind] = TASK
    rules = (
        Rule(
            "!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.name != self.metadata.name)",
            "spec.dependsOn names the Task itself: remove that entry",
        ),
    )

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["Task"] = "Task"
    spec: TaskSpec
    status: TaskStatus = TaskStatus()
