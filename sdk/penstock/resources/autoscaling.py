"""How many workers a pool gets: the vocabulary of HorizontalPodAutoscaler v2, plus what a queue needs."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from penstock.resources.model import Model, Rule, Spelling

Replicas = Annotated[int, Field(ge=0, le=10_000)]
WindowSeconds = Annotated[int, Field(ge=0, le=3600)]

CronSchedule = Annotated[
    str,
    Field(min_length=9, max_length=100, pattern=r"^[0-9A-Za-z*/,?#-]+( +[0-9A-Za-z*/,?#-]+){4}$"),
    Spelling("is no cron schedule: give five fields, minute hour day month weekday, such as 0 8 * * 1-5"),
]


class Mode(StrEnum):
    """Who decides on the number of workers."""

    AUTO = "Auto"
    EXTERNAL = "External"
    OFF = "Off"


class PolicyType(StrEnum):
    """What a scaling policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies applies: the one that allows most, least, or none at all."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(Model):
    """At most `value` pods or percent more (or fewer) within `periodSeconds`."""

    type: PolicyType
    value: Annotated[int, Field(ge=1, le=1_000_000)]
    period_seconds: Annotated[int, Field(ge=1, le=1800)]


class ScalingRules(Model):
    """How fast the count moves in one direction."""

    stabilization_window_seconds: WindowSeconds | None = None
    """How far back to look: upwards the lowest recommendation of the window counts, downwards the highest."""
    policies: Annotated[tuple[ScalingPolicy, ...], Field(min_length=1, max_length=16)] | None = None
    select_policy: SelectPolicy = SelectPolicy.MAX


class Target(Model):
    """What the count aims at."""

    rules = (
        Rule(
            "has(self.backlogPerReplica) != has(self.latencySeconds)",
            "autoscaling.target takes exactly one of backlogPerReplica and latencySeconds: keep one",
        ),
    )

    backlog_per_replica: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Tasks for one replica: ready, due and in flight."""
    latency_seconds: Annotated[float, Field(gt=0, le=86400)] | None = None
    """How long a task may wait before it starts."""


class Fallback(Model):
    """What holds while the queues can't be read."""

    replicas: Replicas
    """The count until they can be read again, unless it is higher already."""


class Window(Model):
    """A time of day with a floor of its own, such as office hours."""

    schedule: CronSchedule
    """When it opens: minute hour day month weekday."""
    time_zone: Annotated[
        str,
        Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+([A-Za-z0-9_+/-]*[A-Za-z0-9])?$"),
        Spelling("is no time zone: use a name of the IANA database such as Europe/Berlin"),
    ] = "UTC"
    """Zone of the schedule, from the IANA database."""
    duration_minutes: Annotated[int, Field(ge=1, le=10_080)]
    """How long it stays open."""
    min_replicas: Replicas
    """Floor while it is open."""


class Autoscaling(Model):
    """Scales the pool by what its queues hold, down to zero and back."""

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
    """Auto: the operator. External: whoever writes /scale, such as KEDA. "Off": spec.replicas.

    Write "Off" in quotes, since YAML reads a bare Off as false.
    """
    min_replicas: Replicas = 0
    """Floor; 0 lets the pool go to sleep."""
    max_replicas: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Ceiling."""
    # A default in the CRD would be stored, and a later `kubectl apply` of the other choice would then meet both.
    target: Target = Field(default_factory=lambda: Target(backlog_per_replica=10))
    """Exactly one aim. Default: backlogPerReplica 10."""
    scale_up: ScalingRules | None = None
    """Default: at once."""
    scale_down: ScalingRules | None = None
    """Default: after two starts of a pod, at least 30 s by backlog and 10 s by latency. Busy workers finish first."""
    idle_seconds: Annotated[float, Field(ge=0, le=86400)] = 30
    """How long all queues must be empty before the step to zero."""
    fallback: Fallback | None = None
    """For when the queues can't be read. Default: the count is held."""
    paused: bool = False
    """true: the count stays as it is."""
    prewarm_seconds: Annotated[float, Field(ge=0, le=86400)] | None = None
    """How long before delayed work is due, or a window opens, the workers for it start. Default: their measured
    start-up time."""
    windows: Annotated[tuple[Window, ...], Field(max_length=32)] = ()
    """Times with a higher floor."""
