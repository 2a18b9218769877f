"""The container's settings, which the operator puts into its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.environment import names, number
from penstock.errors import ConfigurationError

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What PENSTOCK_* says. Seconds."""

    app: str
    queues: tuple[str, ...]
    concurrency: int
    drain_seconds: float
    lease_seconds: float
    health_port: int
    pod: str
    log_level: str

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
        )
