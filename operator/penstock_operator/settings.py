"""The operator's settings, which the chart puts into its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.environment import names, number
from penstock.errors import ConfigurationError

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Seconds.

    `watch_namespaces`: none means all. `task_selector`: a label selector; this operator leaves other Tasks alone.
    `lease` is the name of the Lease whose holder leads, one for each such share. `require_queues`: Tasks wait until
    their TaskQueue exists. `only_tasks`: pools and queues are another operator's. `pod`: where it
    runs, if in a pod. `api_port`: for the HTTP surface. `fixed_user_ids`: false where the platform
    assigns the users of pods.
    """

    broker_url: str
    system_namespace: str
    worker_image: str
    worker_pull_policy: str
    worker_cluster_role: str
    otlp_endpoint: str
    log_level: str
    compare_seconds: float = 5.0
    health_port: int = 8080
    watch_namespaces: tuple[str, ...] = ()
    task_selector: str = ""
    lease: str = "penstock-operator"
    require_queues: bool = False
    only_tasks: bool = False
    pod: str = ""
    api_port: int = 8082
    worker_pull_secrets: tuple[str, ...] = ()
    fixed_user_ids: bool = True
    worker_role_kind: str = "ClusterRole"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read them; raises ConfigurationError naming the variable."""
        for name in ("PENSTOCK_URL", "PENSTOCK_WORKER_IMAGE"):
            if not environment.get(name):
                raise ConfigurationError(f"{name} is empty: the chart sets it; see values redis.* and worker.image")
        return cls(
            environment["PENSTOCK_URL"],
            environment.get("PENSTOCK_SYSTEM_NAMESPACE", "penstock-system"),
            environment["PENSTOCK_WORKER_IMAGE"],
            environment.get("PENSTOCK_WORKER_IMAGE_PULL_POLICY", "IfNotPresent"),
            environment.get("PENSTOCK_WORKER_CLUSTER_ROLE", "penstock-worker"),
            environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            environment.get("PENSTOCK_LOG_LEVEL", "info").upper(),
            number(environment, "PENSTOCK_COMPARE_SECONDS", 5, least=0.1),
            int(number(environment, "PENSTOCK_HEALTH_PORT", 8080, least=1)),
            names(environment.get("PENSTOCK_WATCH_NAMESPACES", "")),
            environment.get("PENSTOCK_TASK_SELECTOR", ""),
            environment.get("PENSTOCK_LEASE") or "penstock-operator",
            environment.get("PENSTOCK_REQUIRE_QUEUES", "") == "true",
            environment.get("PENSTOCK_ONLY_TASKS", "") == "true",
            environment.get("POD_NAME", ""),
            int(number(environment, "PENSTOCK_API_PORT", 8082, least=1)),
            names(environment.get("PENSTOCK_WORKER_PULL_SECRETS", "")),
            environment.get("PENSTOCK_FIXED_USER_IDS", "") != "false",
            environment.get("PENSTOCK_WORKER_ROLE_KIND") or "ClusterRole",
        )
