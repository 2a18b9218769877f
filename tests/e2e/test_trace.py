"""One trace of one Task, read back from a real collector."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.kubectl import Kubectl
from tests.e2e.test_submission import service
from tests.waiting import wait_sync

Span = dict[str, Any]


def spans(system: Kubectl, trace: str) -> dict[str, Span]:
    """The spans of a trace as the collector received them, by id."""
    found: dict[str, Span] = {}
    for line in system("logs", "deploy/penstock-collector", "--tail=-1").splitlines():
        if trace not in line or not line.startswith("{"):
            continue
        for resource in json.loads(line).get("resourceSpans", ()):
            service_name = next(
                a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name"
            )
            for scope in resource["scopeSpans"]:
                found |= {s["spanId"]: {**s, "service": service_name} for s in scope["spans"] if s["traceId"] == trace}
    return found


def tree(found: dict[str, Span]) -> list[str]:
    """PARENT > NAME, by the operation alone, sorted."""
    name = {span_id: span["name"].split()[0] for span_id, span in found.items()}
    return sorted(f"{name.get(span.get('parentSpanId', ''), '-')} > {name[id]}" for id, span in found.items())


def test_a_task_from_kubectl(pool: Kubectl, system: Kubectl) -> None:
    pool.task("traced", "flaky", 1)
    trace = pool.finished("traced")["traceID"]
    wait_sync(lambda: len(spans(system, trace)) >= 7, "all spans to arrive")
    found = spans(system, trace)
    assert tree(found) == [
        "- > submit",
        "admit > attempt",
        "admit > attempt",
        "admit > wait",
        "admit > wait",
        "attempt > report",
        "submit > admit",
    ]
    services = {span["name"].split()[0]: span["service"] for span in found.values()}
    assert services == {
        "submit": "penstock-operator",
        "admit": "penstock-operator",
        "wait": "e2e-worker",
        "attempt": "e2e-worker",
        "report": "e2e-worker",
    }
    assert all(span["name"].endswith(" e2e") for span in found.values())
    failed = [span for span in found.values() if span.get("status", {}).get("code") == 2]
    assert [span["name"] for span in failed] == ["attempt e2e"]


def test_a_task_from_python(pool: Kubectl, system: Kubectl, images: dict[str, str]) -> None:
    script = """
import asyncio, tasks
from penstock import tracing
from opentelemetry import trace

async def main():
    flush = tracing.configure("e2e-service")
    async with tasks.app:
        with trace.get_tracer("e2e").start_as_current_span("checkout") as span:
            handle = await tasks.add.enqueue(1, 1)
        await handle.result(timeout=30)
        print(f"{span.get_span_context().trace_id:032x}", flush=True)
    flush()
asyncio.run(main())
"""
    pool.apply(service("tracing", images["worker"], script))
    wait_sync(lambda: pool.value("pod/tracing", "{.status.phase}") == "Succeeded", "the service to end")
    trace = pool("logs", "pod/tracing").strip()
    wait_sync(lambda: len(spans(system, trace)) >= 5, "all spans to arrive")
    assert tree(spans(system, trace)) == [
        "- > checkout",
        "admit > attempt",
        "admit > wait",
        "checkout > submit",
        "submit > admit",
    ]


def test_a_trace_that_the_caller_began(pool: Kubectl, system: Kubectl) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    manifest: dict[str, Any] = {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "Task",
        "metadata": {"name": "joined", "annotations": {"penstock.dev/traceparent": f"00-{trace}-{parent}-01"}},
        "spec": {"task": "e2e.noop"},
    }
    pool.apply(manifest)
    assert pool.finished("joined")["traceID"] == trace
    wait_sync(lambda: len(spans(system, trace)) >= 4, "all spans to arrive")
    found = spans(system, trace)
    assert tree(found) == ["- > admit", "admit > attempt", "admit > wait", "attempt > report"]
    assert [span["parentSpanId"] for span in found.values() if span["name"] == "admit e2e"] == [parent]
