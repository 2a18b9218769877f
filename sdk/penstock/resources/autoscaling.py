"""How many workers a pool gets. It uses the terms of HorizontalPodAutoscaler v2, and adds some for queues."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from penstock.resources.model import Model, Rule, Spelling

Replicas = Annotated[int, Field(ge=0, le=10_000)]
WindowSeconds = Annotated[int, Field(ge=0, le=3600)]

CronSchedule = Annotated[
    str,
    Field(min_length=9, max_length=100, pattern=r"^[0-9A-Za-z*/,?#-]+( +[0-9A-Za-z*/,?#-]+){4}$"),
    Spelling("isn't a cron schedule: give five fields, minute hour day month weekday, such as 0 8 * * 1-5"),
]


class Mode(StrEnum):
    """Who sets the number of workers."""

    AUTO = "Auto"
    EXTERNAL = "External"
    OFF = "Off"


class PolicyType(StrEnum):
    """What a scaling policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies applies: the one that allows most, the one that allows least, or none."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(Model):
    """At most `value` pods or percent more (or fewer) within `periodSeconds`."""

    type: PolicyType
    value: Annotated[int, Field(ge=1, le=1_000_000)]
    period_seconds: Annotated[int, Field(ge=1, le=1800)]


class ScalingRules(Model):
    """How fast the number of workers changes in one direction."""

    stabilization_window_seconds: WindowSeconds | None = None
    """Length of the window. Upwards, the lowest recommendation in the window applies; downwards, the highest."""
    policies: Annotated[tuple[ScalingPolicy, ...], Field(min_length=1, max_length=16)] | None = None
    select_policy: SelectPolicy = SelectPolicy.MAX


class Target(Model):
    """The target of the autoscaling."""

    rules = (
        Rule(
            "has(self.backlogPerReplica) != has(self.latencySeconds)",
            "autoscaling.target takes exactly one of backlogPerReplica and latencySeconds: keep one",
        ),
    )

    backlog_per_replica: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of tasks per replica: ready, due and in flight."""
    latency_seconds: Annotated[float, Field(gt=0, le=86400)] | None = None
    """Longest time that a task should wait before it starts."""


class Fallback(Model):
    """The number of workers while the queues can't be read."""

    replicas: Replicas
    """Number of workers until the queues can be read again, unless there are more already."""


class Window(Model):
    """A recurring time with a minimum of its own, such as office hours."""

    schedule: CronSchedule
    """When it begins: minute hour day month weekday."""
    time_zone: Annotated[
        str,
        Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+([A-Za-z0-9_+/-]*[A-Za-z0-9])?$"),
        Spelling("isn't a time zone: use a name of the IANA database such as Europe/Berlin"),
    ] = "UTC"
    """Time zone of the schedule, from the IANA database."""
    duration_minutes: Annotated[int, Field(ge=1, le=10_080)]
    """How long it lasts."""
    min_replicas: Replicas
    """Minimum number of workers during this time."""


class Autoscaling(Model):
    """Scales the pool by the work in its queues, down to zero and back."""

    rules = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "autoscaling.minReplicas is above autoscaling.maxReplicas: raise maxReplicas (default 10) or lower it",
        ),
        Rule(
            "!has(self.fallback) || self.fallback.replicas <= self.maxReplicas",
            "autoscaling.fallback.replicas is above autoscaling.maxReplicas: raise maxReplicas or lower it",
        ),
        Rule(
            "!has(self.windows) || self.windows.all(w, w.minReplicas <= self.maxReplicas)",
            "autoscaling.windows has a minReplicas above autoscaling.maxReplicas: raise maxReplicas or lower it",
        ),
    )

    mode: Mode = Mode.AUTO
    """Who sets the number of workers. Auto: the operator. External: a client that writes /scale, such as KEDA.
    "Off": spec.replicas.

    Write "Off" in quotes, since YAML reads a bare Off as false.
    """
    min_replicas: Replicas = 0
    """Minimum number of workers. 0: the pool can scale to zero."""
    max_replicas: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Maximum number of workers."""
    # A default in the CRD would be stored, and a later `kubectl apply` of the other choice would then meet both.
    target: Target = Field(default_factory=lambda: Target(backlog_per_replica=10))
    """Exactly one target. Default: backlogPerReplica 10."""
    scale_up: ScalingRules | None = None
    """How fast the pool grows. Default: immediately."""
    scale_down: ScalingRules | None = None
    """How fast the pool shrinks. Default: after twice the time that a pod needs to start, at least 30 s with
    backlogPerReplica and 10 s with latencySeconds. Busy workers finish first."""
    idle_seconds: Annotated[float, Field(ge=0, le=86400)] = 30
    """How long all queues must be empty before the pool scales to zero."""
    fallback: Fallback | None = None
    """Applies while the queues can't be read. Default: the number of workers doesn't change."""
    paused: bool = False
    """true: the number of workers doesn't change."""
    prewarm_seconds: Annotated[float, Field(ge=0, le=86400)] | None = None
    """How long before delayed tasks are due, or a window begins, their workers start. Default: the measured start-up
    time."""
    windows: Annotated[tuple[Window, ...], Field(max_length=32)] = ()
    """Recurring times with a higher minimum."""
