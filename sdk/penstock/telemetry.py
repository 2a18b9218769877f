"""One trace a task: the names of its spans, and carrying their context in W3C `traceparent` form.

    submit QUEUE ── admit QUEUE ─┬─ wait QUEUE
                                 └─ attempt QUEUE ── report QUEUE

Names and attributes follow OpenTelemetry's semantic conventions for messaging. Nothing here needs the SDK: without
one every span is a no-op. Times are seconds since the epoch; the API takes ns.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from functools import lru_cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
)

__all__ = [
    "SCOPE",
    "Metric",
    "Step",
    "Tracing",
    "attributes",
    "current",
    "derived",
    "enabled",
    "failed",
    "parse",
    "record",
    "sampled",
    "start",
    "trace_id",
    "traceparent",
    "tracing",
]

ANNOTATION = "penstock.dev/traceparent"
SCOPE = "penstock"
# W3C Trace Context, 2.2 and 4 (later versions may append fields).
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)


class Step(StrEnum):
    """The spans of a task's way."""

    SUBMIT = "submit"
    ADMIT = "admit"
    WAIT = "wait"
    ATTEMPT = "attempt"
    REPORT = "report"


_KINDS = {
    Step.SUBMIT: SpanKind.PRODUCER,
    Step.ADMIT: SpanKind.INTERNAL,
    Step.WAIT: SpanKind.INTERNAL,
    Step.ATTEMPT: SpanKind.CONSUMER,
    Step.REPORT: SpanKind.CLIENT,
}


class Metric(StrEnum):
    """What workers and the operator count."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Metric:
        """A name, and what it says."""
        metric = str.__new__(cls, name)
        metric._value_, metric.meaning = name, meaning
        return metric

    ATTEMPTS = "penstock.worker.attempts", "Attempts that were settled, by queue, task and the task's phase after it"
    RUN_TIME = "penstock.worker.run_time", "From an attempt's start to its end, summed"
    WAIT_TIME = "penstock.worker.wait_time", "From a task's being ready to its start, summed"
    PLACES = "penstock.worker.places", "How many tasks may run, busy and free"
    FAILURES = "penstock.worker.broker_failures", "Calls that the broker didn't answer"
    STALLS = "penstock.worker.loop_stalls", "Times that a task blocked the event loop for more than a second"
    LEASES_LOST = "penstock.worker.leases_lost", "Attempts that were stopped because another worker has the task"
    RECLAIMED = "penstock.worker.tasks_reclaimed", "Tasks of dead workers that were put back"

    POOL_REPLICAS = "penstock.pool.replicas", "Replicas that a pool's Deployment has been given"
    POOL_DESIRED = "penstock.pool.replicas_desired", "Replicas that autoscaling.mode Auto asks for, or would"
    POOL_READY = "penstock.pool.replicas_ready", "Workers that are ready"
    POOL_BUSY = "penstock.pool.replicas_busy", "Workers that hold tasks"
    POOL_BACKLOG = "penstock.pool.backlog", "Tasks that want a worker of the pool, those in flight included"
    POOL_WAITING = "penstock.pool.waiting_tasks", "Tasks that wait for a worker of the pool"
    POOL_IN_FLIGHT = "penstock.pool.in_flight", "Tasks that the pool's workers hold"
    POOL_OLDEST = "penstock.pool.oldest", "How long the oldest of the pool's waiting tasks has waited"
    POOL_ARRIVALS = "penstock.pool.arrival_rate", "Tasks that become ready for the pool, retries included"
    POOL_DECISIONS = "penstock.pool.decisions", "Decisions that differed from the one before, by reason"
    QUEUE_WAITING = "penstock.queue.waiting_tasks", "Tasks that are ready or due"
    QUEUE_IN_FLIGHT = "penstock.queue.in_flight", "Tasks that workers hold"
    QUEUE_DELAYED = "penstock.queue.delayed", "Tasks whose time is to come"
    QUEUE_DEAD = "penstock.queue.dead_letters", "Dead letters"
    QUEUE_OLDEST = "penstock.queue.oldest", "How long the oldest ready task has waited"
    LEADING = "penstock.operator.leading", "1 in the operator that leads, 0 in the others"
    INVALID = "penstock.operator.invalid_objects", "Objects that aren't understood, by kind and namespace"
    EVENTS_DROPPED = "penstock.operator.events_dropped", "Kubernetes Events beyond the operator's budget"


def attributes(step: Step, *, id: str, task: str, queue: str, attempt: int | None = None) -> Mapping[str, str | int]:
    """What every span of a task says of it."""
    common: dict[str, str | int] = {
        "messaging.system": "redis",
        "messaging.destination.name": queue,
        "messaging.operation.name": step,
        "messaging.message.id": id,
        "penstock.task": task,
    }
    return common if attempt is None else common | {"penstock.attempt": attempt}


@lru_cache(maxsize=4)
def _tracer(provider: TracerProvider) -> Tracer:
    """Kept: making one costs a third of a span."""
    return provider.get_tracer(SCOPE)


def start(
    step: Step, attributes: Mapping[str, str | int], *, parent: str | None = None, at: float | None = None
) -> Span:
    """A span of the task under `parent` (a traceparent; None: under whatever is current). The caller ends it."""
    name, begins = f"{step} {attributes['messaging.destination.name']}", None if at is None else _ns(at)
    provider = trace.get_tracer_provider()
    begin, above = _begin(provider), _span_context(parent)
    if begin is not None and above is not None and above.trace_flags.sampled:
        return begin(name, _KINDS[step], attributes, above, begins)
    return _tracer(provider).start_span(name, parse(parent), _KINDS[step], attributes, start_time=begins)


# Name, kind, attributes, a sampled parent and the start in ns.
Begin = Callable[[str, SpanKind, Mapping[str, str | int], SpanContext, int | None], Span]


@lru_cache(maxsize=4)
def _begin(provider: TracerProvider) -> Begin | None:
    """How our own provider makes spans for a third of the price; see `quiet_span`."""
    found: Begin | None = getattr(provider, "begin", None)
    return found if _tracing(provider) is Tracing.FOLLOW else None


def record(
    step: Step, attributes: Mapping[str, str | int], *, parent: str | None, began: float, ended: float
) -> str | None:
    """A span that lies in the past. Its traceparent, or None where nothing traces."""
    span = start(step, attributes, parent=parent, at=began)
    span.end(_ns(max(began, ended)))
    return traceparent(span)


class Tracing(Enum):
    """What this process does about spans. `enabled` for the question whether any can be recorded at all."""

    OFF = "off"
    FOLLOW = "follow"  # the sampler does as the parent's flag says, which can be read without a span
    ASK = "ask"  # only the sampler knows


def tracing() -> Tracing:
    """What the provider that is set now makes of spans: without one, a task spends nothing on them."""
    return _tracing(trace.get_tracer_provider())


def _tracing(provider: TracerProvider) -> Tracing:
    if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
        return Tracing.OFF
    return Tracing.FOLLOW if type(getattr(provider, "sampler", None)).__name__ in _FOLLOWING else Tracing.ASK


# By name: the SDK isn't imported here. `ParentBasedTraceIdRatio` is what OTEL_TRACES_SAMPLER makes.
_FOLLOWING = ("ParentBased", "ParentBasedTraceIdRatio")


def enabled() -> bool:
    """Whether anything records spans in this process."""
    return tracing() is not Tracing.OFF


def sampled(traceparent: str | None) -> bool:
    """Whether the caller's trace is recorded (W3C's flag); one that was never begun may be."""
    context = _span_context(traceparent)
    return context is None or context.trace_flags.sampled


def current() -> str | None:
    """The traceparent of whatever is current: a caller's span is carried on even where we record none ourselves."""
    return traceparent(trace.get_current_span())


def failed(span: Span, description: str) -> None:
    """Mark a span as ended in an error."""
    span.set_status(Status(StatusCode.ERROR, description))


def traceparent(span: Span) -> str | None:
    """The span's context as W3C Trace Context writes it, or None for a no-op span."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parse(traceparent: str | None) -> Context | None:
    """The context to start a child in. None for none, and for what isn't a traceparent (as W3C asks)."""
    context = _span_context(traceparent)
    return trace.set_span_in_context(NonRecordingSpan(context)) if context else None


def trace_id(traceparent: str | None) -> str | None:
    """The trace's id alone, 32 hex digits."""
    context = _span_context(traceparent)
    return f"{context.trace_id:032x}" if context else None


@lru_cache(maxsize=1024)  # the spans of one attempt, and the tasks of one batch, have the same parent
def _span_context(traceparent: str | None) -> SpanContext | None:
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return None
    trace_hex, span_hex, flags = match["trace"], match["span"], match["flags"]
    context = SpanContext(int(trace_hex, 16), int(span_hex, 16), True, TraceFlags(int(flags, 16)))
    return context if context.is_valid else None


def derived(*names: str) -> str:
    """A traceparent that follows from `names` alone: whoever derives it again, after a restart too, is in the
    same trace. The first name gives the trace, all of them the span."""
    trace_hex = hashlib.sha256(names[0].encode()).hexdigest()[:32]
    span_hex = hashlib.sha256("/".join(names).encode()).hexdigest()[:16]
    return f"00-{trace_hex}-{span_hex}-01"


def _ns(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
