"""A span to which, as a rule, nobody adds anything: the SDK's own costs three times as much.

It has its ids and its times, and is exported as it is. Whoever does add something (an attribute, an event, an error)
gets the SDK's span in its place, with the same ids, and everything goes there from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Span, SpanContext, SpanKind

__all__ = ["Birth", "Origin", "QuietSpan"]


class Birth(NamedTuple):
    """What a span begins with; `at` in ns."""

    name: str
    kind: SpanKind
    attributes: Mapping[str, str | int]
    parent: SpanContext
    at: int


class Origin(NamedTuple):
    """Where spans come from and where they go: `whole` makes the SDK's span with these ids, `ended` exports one."""

    resource: Resource
    scope: InstrumentationScope
    whole: Callable[[Birth, SpanContext], Span]
    ended: Callable[[ReadableSpan], None]


class QuietSpan(Span):
    """See above. Of one task: nothing here is locked."""

    __slots__ = ("_birth", "_context", "_origin", "_over", "_whole")

    def __init__(self, birth: Birth, context: SpanContext, origin: Origin) -> None:
        self._birth = birth
        self._context = context
        self._origin = origin
        self._whole: Span | None = None
        self._over = False

    def get_span_context(self) -> SpanContext:
        """See Span."""
        return self._context

    def is_recording(self) -> bool:
        """See Span."""
        return not self._over

    def end(self, end_time: int | None = None) -> None:
        """See Span."""
        if self._over:
            return
        self._over = True
        if self._whole is not None:
            self._whole.end(end_time)
        else:
            self._origin.ended(self._as_it_is(time.time_ns() if end_time is None else end_time))

    def _as_it_is(self, ended: int) -> ReadableSpan:
        name, kind, attributes, parent, began = self._birth
        return ReadableSpan(
            name,
            self._context,
            parent,
            self._origin.resource,
            attributes,
            kind=kind,
            start_time=began,
            end_time=ended,
            instrumentation_scope=self._origin.scope,
        )

    # --- what makes it a whole one --------------------------------------------------------------------------------

    def _added(self) -> Span:
        if self._whole is None:
            self._whole = self._origin.whole(self._birth, self._context)
        return self._whole

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """See Span."""
        self._added().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """See Span."""
        self._added().set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """See Span."""
        self._added().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """See Span."""
        self._added().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """See Span."""
        self._added().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """See Span."""
        self._added().set_status(status, description)

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """See Span."""
        self._added().record_exception(exception, attributes, timestamp, escaped)
