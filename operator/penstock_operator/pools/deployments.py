"""Pools' Deployments: made as the spec asks for them, and scaled. On what was last seen of one alone: whoever leads no
more, and doesn't know it yet, has seen an older one."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.errors import ApiRefused
from penstock.kube import Kube, Manifest
from penstock.resources.pool import WorkerPool
from penstock_operator.api import DEPLOYMENTS, OWNER, Key
from penstock_operator.autoscale.deployment_view import DeploymentView
from penstock_operator.manifests import deployment, fingerprint, pool_key, workers_name
from penstock_operator.settings import Settings

__all__ = ["Deployments"]

NOT_FOUND, CONFLICT = 404, 409


@dataclass
class Deployments:
    """What was applied of each pool."""

    kube: Kube
    settings: Settings
    _applied: dict[Key, str] = field(default_factory=dict)

    async def look(self, pool: Key) -> DeploymentView:
        """As it is now; an empty one where there is none."""
        found = await self.kube.get(DEPLOYMENTS, pool[0], workers_name(pool[1]))
        return DeploymentView.of(found) if found else DeploymentView()

    def forget(self, pool: Key) -> None:
        """Apply it anew next time."""
        self._applied.pop(pool, None)

    async def bring(self, pool: WorkerPool, replicas: int, seen: DeploymentView) -> DeploymentView:
        """1. the Deployment as the spec asks for it, 2. else only its scale. Raises ConfigurationError for a template
        that is none, and ApiRefused."""
        key = pool_key(pool)
        manifest = deployment(pool, replicas, self.settings)
        wanted = fingerprint(manifest | {"spec": manifest["spec"] | {"replicas": 0}})
        at = {"resourceVersion": seen.version} if seen.version else {}
        if wanted != self._applied.get(key):
            found = await self._apply(key, manifest | {"metadata": manifest["metadata"] | at})
            self._applied[key] = wanted
            return DeploymentView.of(found)
        if seen.wanted == replicas:
            return seen
        change = {"metadata": at, "spec": {"replicas": replicas}}
        return DeploymentView.of(await self.kube.merge(DEPLOYMENTS, key[0], workers_name(key[1]), change, owner=OWNER))

    async def _apply(self, key: Key, manifest: Manifest) -> Manifest:
        return await self.kube.apply(DEPLOYMENTS, key[0], manifest, owner=OWNER)

    def outdated(self, pool: Key, error: ApiRefused) -> bool:
        """Whether it was refused because it isn't as it was last seen: the next try looks first."""
        if error.status == NOT_FOUND:  # deleted unseen: it is made anew
            self.forget(pool)
        return error.status in (NOT_FOUND, CONFLICT)
