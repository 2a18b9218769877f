"""Tasks by the command line: without the application's code, so its functions' types are unknown here."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import ValidationError

from penstock.errors import ConfigurationError
from penstock.handle import Handle
from penstock.kube import Kube
from penstock.resource_client import ResourceClient, generated_name
from penstock.resources.kinds import API_VERSION
from penstock.resources.task import Task

__all__ = ["Request", "submit_task"]


@dataclass(frozen=True, slots=True)
class Request:
    """A Task as the command line asks for it."""

    task: str
    args: list[object]
    kwargs: dict[str, object]
    queue: str | None = None
    name: str | None = None

    def manifest(self) -> dict[str, object]:
        """The resource. Raises ConfigurationError that names the field."""
        spec = {"task": self.task, "args": self.args, "kwargs": self.kwargs, "queue": self.queue}
        document = {
            "apiVersion": API_VERSION,
            "kind": "Task",
            "metadata": {"name": self.name or generated_name(self.task)},
            "spec": {field: value for field, value in spec.items() if value},
        }
        try:
            return dict(Task.model_validate(document).manifest())
        except ValidationError as error:
            raise ConfigurationError(f"this can't be a Task: {error}") from error


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
