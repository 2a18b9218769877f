"""Tasks by the command line: without the application's code, so its functions' types are unknown here."""

from __future__ import annotations

import json
from dataclasses import dataclass

from penstock.handle import Handle
from penstock.kube import Kube, Manifest
from penstock.resource_client import ResourceClient, checked_manifest, generated_name

__all__ = ["Request", "submit_task"]


@dataclass(frozen=True, slots=True)
class Request:
    """A Task as the command line asks for it."""

    task: str
    args: list[object]
    kwargs: dict[str, object]
    queue: str | None = None
    name: str | None = None

    def manifest(self) -> Manifest:
        """The resource. Raises ConfigurationError that names the field."""
        spec = {"task": self.task, "args": self.args or None, "kwargs": self.kwargs or None, "queue": self.queue}
        return checked_manifest({"name": self.name or generated_name(self.task)}, spec)


async def submit_task(request: Request, namespace: str, *, wait: bool) -> str:
    """Create it. Its name, or with `wait` its result as JSON; raises as Handle.result does."""
    client = ResourceClient(await Kube.connect(), namespace)
    try:
        created = await client.create(request.manifest())
        if not wait:
            return f"task.penstock.dev/{created} created"
        handle: Handle[object] = Handle(created, client)
        return json.dumps(await handle.result(), ensure_ascii=False)
    finally:
        await client.close()
