"""What a worker says of itself when it starts, and what is odd about its settings."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from penstock.definition import Definition

__all__ = ["Introduction", "shown"]

NAMED = 20


@dataclass(frozen=True)
class Introduction:
    """A worker of the app `app`, whose broker has this `url`."""

    app: str
    url: str
    namespace: str
    queues: Sequence[str]
    concurrency: int
    tasks: Mapping[str, Definition]

    def __str__(self) -> str:
        named = list(self.tasks)[:NAMED]
        more = f" and {len(self.tasks) - NAMED} more" if len(self.tasks) > NAMED else ""
        return (
            f"penstock {_installed()} (Python {platform.python_version()}), app {self.app}, broker {shown(self.url)}, "
            f"namespace {self.namespace}: working on {', '.join(self.queues)}, {self.concurrency} at a time; "
            f"tasks: {', '.join(named) or 'none'}{more}"
        )

    def worries(self) -> Iterator[str]:
        """What is probably not meant so, with the remedy."""
        used = sorted({definition.options.queue for definition in self.tasks.values()})
        idle = [queue for queue in self.queues if queue not in used]
        if not self.tasks:
            yield (
                f"app {self.app} has no tasks here: import the modules that define them where the app is defined, or "
                "name a module that does both"
            )
        elif len(idle) == len(self.queues):
            yield (
                f"no task of app {self.app} is sent to {', '.join(idle)} by default: its queues are {', '.join(used)}; "
                "choose among them by --queues, or PENSTOCK_QUEUES"
            )
        elif idle:
            yield f"no task of app {self.app} is sent to {', '.join(idle)} by default: check --queues for a misspelling"


def _installed() -> str:
    for name in ("penstock-tasks", "penstock"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "(not installed)"


def shown(url: str) -> str:
    """A broker's URL without what may be secret: password and options."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    login, at, where = rest.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme}://{user}{':***' if ':' in login else ''}{at}{where}"
