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


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written of a Deployment's spec, but for its replicas, and the generation that this has made of it."""

    fingerprint: str
    generation: int


@dataclass
class Deployments:
    """What was applied of each pool. What somebody else has changed since is applied anew."""

    kube: Kube
    settings: Settings
    _applied: dict[Key, Applied] = field(default_factory=dict)

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
        before = self._applied.get(key)
        if before is None or before.fingerprint != wanted or before.generation < seen.generation:
            manifest |= {"metadata": manifest["metadata"] | at}
            return self._brought(key, wanted, await self.kube.apply(DEPLOYMENTS, key[0], manifest, owner=OWNER))
        if seen.wanted == replicas:
            return seen
        change = {"metadata": at, "spec": {"replicas": replicas}}
        scaled = await self.kube.merge(DEPLOYMENTS, key[0], workers_name(key[1]), change, owner=OWNER)
        return self._brought(key, wanted, scaled)

    def _brought(self, key: Key, fingerprint: str, body: Manifest) -> DeploymentView:
        view = DeploymentView.of(body)
        self._applied[key] = Applied(fingerprint, view.generation)
        return view

    def outdated(self, pool: Key, error: ApiRefused) -> bool:
        """Whether it was refused because it isn't as it was last seen: the next try looks first."""
        if error.status == NOT_FOUND:  # deleted unseen: it is made anew
            self.forget(pool)
        return error.status in (NOT_FOUND, CONFLICT)
