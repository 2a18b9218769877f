"""The container's settings, which the operator puts into its environment: those of every worker, and what differs."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import ConfigurationError

__all__ = ["app_target", "worker_environment"]

HEALTH_PORT = "8081"


def app_target(environment: Mapping[str, str]) -> str:
    """Which app to run. Raises ConfigurationError."""
    app = environment.get("PENSTOCK_APP", "").strip()
    if not app:
        raise ConfigurationError("PENSTOCK_APP is empty: set it to MODULE:ATTRIBUTE, such as shop.tasks:app")
    return app


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The same with what a container has by default: its pod's name, and a port for probes."""
    own = {
        "PENSTOCK_WORKER": environment.get("POD_NAME") or environment.get("HOSTNAME") or "",
        "PENSTOCK_HEALTH_PORT": HEALTH_PORT,
    }
    return own | {name: value for name, value in environment.items() if value}
