"""The kinds of the API group as data: names, printer columns, selectable fields, scale."""

from dataclasses import dataclass
from typing import Final

GROUP = "penstock.dev"
VERSION = "v1alpha1"
API_VERSION: Final = "penstock.dev/v1alpha1"


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get`; `wide` ones appear with `-o wide` only."""

    name: str
    type: str
    path: str
    wide: bool = False


@dataclass(frozen=True)
class Scale:
    """Where the /scale subresource finds its three values."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ".status.selector"


@dataclass(frozen=True)
class Kind:
    """What the API server must know of a kind besides its schema."""

    kind: str
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    scale: Scale | None = None

    @property
    def singular(self) -> str:
        """The lower-case name in one resource: `task`."""
        return self.kind.lower()

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition: `tasks.penstock.dev`."""
        return f"{self.plural}.{GROUP}"


AGE = Column("Age", "date", ".metadata.creationTimestamp")

TASK = Kind(
    kind="Task",
    plural="tasks",
    short_name="ptask",
    columns=(
        Column("Phase", "string", ".status.phase"),
        Column("Task", "string", ".spec.task"),
        Column("Queue", "string", ".spec.queue"),
        Column("Attempts", "integer", ".status.attempts"),
        Column("Progress", "integer", ".status.progress.percent"),
        Column("Duration", "number", ".status.runSeconds"),
        AGE,
        Column("Worker", "string", ".status.worker", wide=True),
        Column("Trace", "string", ".status.traceID", wide=True),
    ),
    selectable=(".spec.queue", ".spec.task", ".status.phase"),
)

TASK_QUEUE = Kind(
    kind="TaskQueue",
    plural="taskqueues",
    short_name="pqueue",
    columns=(
        Column("Depth", "integer", ".status.depth"),
        Column("Delayed", "integer", ".status.delayed"),
        Column("InFlight", "integer", ".status.inFlight"),
        Column("Dead", "integer", ".status.deadLettered"),
        Column("Oldest", "number", ".status.oldestSeconds"),
        Column("Paused", "boolean", ".spec.paused"),
        AGE,
        Column("Parked", "integer", ".status.parked", wide=True),
    ),
)

WORKER_POOL = Kind(
    kind="WorkerPool",
    plural="workerpools",
    short_name="ppool",
    columns=(
        Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Replicas", "integer", ".status.replicas"),
        Column("Desired", "integer", ".status.desiredReplicas"),
        Column("Busy", "integer", ".status.busyReplicas"),
        Column("Reason", "string", ".status.decision.reason"),
        AGE,
        Column("App", "string", ".spec.app", wide=True),
        Column("Message", "string", ".status.decision.message", wide=True),
    ),
    scale=Scale(),
)

TASK_BATCH = Kind(
    kind="TaskBatch",
    plural="taskbatches",
    short_name="pbatch",
    columns=(
        Column("Phase", "string", ".status.phase"),
        Column("Task", "string", ".spec.task"),
        Column("Total", "integer", ".status.total"),
        Column("Active", "integer", ".status.active"),
        Column("Succeeded", "integer", ".status.succeeded"),
        Column("Failed", "integer", ".status.failed"),
        AGE,
        Column("Waiting", "integer", ".status.waiting", wide=True),
        Column("Cancelled", "integer", ".status.cancelled", wide=True),
        Column("FailedIndexes", "string", ".status.failedIndexes", wide=True),
    ),
    selectable=(".spec.queue", ".spec.task", ".status.phase"),
)

KINDS = (TASK, TASK_QUEUE, WORKER_POOL, TASK_BATCH)
