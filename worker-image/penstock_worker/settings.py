"""The container's settings, which the operator puts into its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.environment import names, number
from penstock.errors import ConfigurationError
from penstock.worker import Limits
from penstock.worker.supervisor import PLACE

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What PENSTOCK_* says. Seconds. `place` is this process's number where several are supervised."""

    app: str
    queues: tuple[str, ...]
    concurrency: int
    drain_seconds: float
    lease_seconds: float
    health_port: int
    pod: str
    log_level: str
    processes: int = 1
    max_tasks: int = 0
    max_memory_mib: int = 0
    place: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read them; raises ConfigurationError naming the variable."""
        app = environment.get("PENSTOCK_APP", "")
        if not app:
            raise ConfigurationError("PENSTOCK_APP is empty: set it to MODULE:ATTRIBUTE, such as shop.tasks:app")
        return cls(
            app,
            names(environment.get("PENSTOCK_QUEUES", "")),
            int(number(environment, "PENSTOCK_CONCURRENCY", 16, least=1)),
            number(environment, "PENSTOCK_DRAIN_SECONDS", 30),
            number(environment, "PENSTOCK_LEASE_SECONDS", 15, least=1),
            int(number(environment, "PENSTOCK_HEALTH_PORT", 8081)),
            environment.get("POD_NAME") or environment.get("HOSTNAME") or "worker",
            environment.get("PENSTOCK_LOG_LEVEL", "INFO").upper(),
            int(number(environment, "PENSTOCK_PROCESSES", 1, least=1)),
            int(number(environment, "PENSTOCK_MAX_TASKS", 0)),
            int(number(environment, "PENSTOCK_MAX_MEMORY_MIB", 0)),
            int(environment[PLACE]) if PLACE in environment else None,
        )

    @property
    def supervises(self) -> bool:
        """Whether this process only looks after others: several, or such as are replaced from time to time."""
        return self.place is None and (self.processes > 1 or bool(self.max_tasks or self.max_memory_mib))

    @property
    def port(self) -> int:
        """Where this process answers probes: the supervisor, or a lone worker, on the pod's port."""
        return self.health_port if self.place is None else self.health_port + 1 + self.place

    @property
    def limits(self) -> Limits:
        """When a process is replaced."""
        return Limits(self.max_tasks or None, self.max_memory_mib * 2**20 or None)
