"""WorkerPool: a Deployment of workers that the operator owns and scales."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.resources.autoscaling import Autoscaling, Replicas
from penstock.resources.disruption import Disruption
from penstock.resources.kinds import API_VERSION, WORKER_POOL, Kind
from penstock.resources.limits import MAX_CONCURRENCY, MAX_DRAIN_SECONDS
from penstock.resources.meta import Conditions, Resource
from penstock.resources.model import JsonObject, Model, Moment, ObjectName, QueueName, Rule, Spelling

AppReference = Annotated[
    str,
    Field(
        min_length=3,
        max_length=253,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$",
    ),
    Spelling("doesn't name an app: use MODULE:ATTRIBUTE, such as shop.tasks:app"),
]


class Source(Model):
    """Code that is mounted into the worker, for trying it out. For production, build an image."""

    config_map: ObjectName
    """ConfigMap of this namespace. Its keys are the names of Python files."""


class WorkerPoolSpec(Model):
    """Which code runs, which queues it serves, and with how many workers."""

    app: AppReference
    """The app object: MODULE:ATTRIBUTE."""
    image: (
        Annotated[
            str,
            Field(min_length=1, max_length=1024, pattern=r"^\S+$"),
            Spelling("isn't an image: use NAME:TAG or NAME@DIGEST without spaces, such as shop-worker:1.4.0"),
        ]
        | None
    ) = None
    """Image with the code, built FROM the worker image. Default: the worker image, for use with source."""
    queues: (
        Annotated[
            tuple[QueueName, ...],
            Field(min_length=1, max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
            Rule(
                "self.all(queue, self.exists_one(other, other == queue))",
                "spec.queues names a queue twice: remove the repetition",
            ),
        ]
        | None
    ) = None
    """Queues that the workers serve. The first has precedence. Default: the app's own queue."""
    concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)] = 16
    """How many tasks run at once in each process."""
    processes: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes in each pod."""
    drain_seconds: Annotated[int, Field(ge=0, le=MAX_DRAIN_SECONDS)] = 30
    """How long a stopping worker continues its running tasks. After that, it returns them to their queue."""
    replicas: Replicas = 1
    """Number of workers when autoscaling.mode isn't Auto. /scale writes it."""
    source: Source | None = None
    template: JsonObject | None = None
    """A partial pod template, merged over Penstock's own template (strategic merge). The container is `worker`."""
    autoscaling: Autoscaling = Autoscaling()
    disruption: Disruption = Disruption()


class Decision(Model):
    """Why the pool has this number of workers."""

    replicas: Replicas
    reason: Annotated[str, Field(max_length=256)]
    """A CamelCase word for machines."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """A sentence for people."""
    inputs: Annotated[dict[Annotated[str, Field(max_length=64)], float], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """The figures behind it, such as ready, inFlight, oldestSeconds."""
    at: Moment
    """When it last changed."""


class WorkerPoolStatus(Model):
    """The state of the pool's Deployment, and the reason for its size."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that this status describes. -1 before the operator has seen the pool."""
    replicas: Annotated[int, Field(ge=0)] = 0
    ready_replicas: Annotated[int, Field(ge=0)] | None = None
    busy_replicas: Annotated[int, Field(ge=0)] | None = None
    """Workers with at least one task in flight."""
    desired_replicas: Annotated[int, Field(ge=0)] | None = None
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods, for /scale."""
    decision: Decision | None = None
    conditions: Conditions = ()
    """Ready, Progressing, ScalingLimited, BrokerReachable."""


class WorkerPool(Resource):
    """Workers that serve one or more queues, scaled by the work in these queues."""

    definition: ClassVar[Kind] = WORKER_POOL

    api_version: Literal["penstock.dev/v1alpha1"] = API_VERSION
    kind: Literal["WorkerPool"] = "WorkerPool"
    spec: WorkerPoolSpec
    status: WorkerPoolStatus = WorkerPoolStatus()
