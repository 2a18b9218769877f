"""What an app adds to how its tasks are sent and run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from penstock.hooks import Hooks
from penstock.middleware import Middleware
from penstock.sealing import PayloadCodec

__all__ = ["Extensions"]


@dataclass(slots=True)
class Extensions:
    """`middlewares`: the first is the outermost. `overrides`: functions that stand in for dependencies. `clock`: the
    worker's, by which deadlines and times of tasks go. `codec`: what seals arguments and results."""

    middlewares: list[Middleware] = field(default_factory=list)
    hooks: Hooks = field(default_factory=Hooks)
    overrides: dict[Callable[..., Any], Callable[..., Any]] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    codec: PayloadCodec | None = None

    @property
    def nobody(self) -> bool:
        """Whether there is nobody to be told how attempts end."""
        return not self.middlewares and self.hooks.nobody
