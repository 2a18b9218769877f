"""A new template under load: what is being replaced isn't scaled in."""

from __future__ import annotations

from itertools import pairwise

from tests.e2e.executions import judgement
from tests.e2e.recording import Sighting
from tests.e2e.test_autoscale.conftest import Fleets
from tests.e2e.test_autoscale.driver import Driver
from tests.e2e.test_autoscale.fleet import Fleet
from tests.e2e.test_autoscale.pools import with_environment
from tests.waiting import wait_sync

MOST = 3
PATIENCE = 90.0


def test_nothing_is_scaled_in_before_a_rollout_is_over(fleet: Fleets, driver: Driver) -> None:
    pool = fleet("rollout", {"minReplicas": 1, "maxReplicas": MOST, "scaleDown": {"stabilizationWindowSeconds": 0}})
    driver.keep("rollout", 2 * MOST)
    pool.ready(MOST)
    before = pool.standing()
    pool.patch(template=with_environment(RELEASE="next"))
    wait_sync(lambda: _released(pool.told[-1]), "the new template")
    driver.keep("rollout", 1)  # from now on one worker would do
    wait_sync(lambda: not before & pool.standing(), "the old workers to go", patience=PATIENCE)
    pool.shrinks(1)
    ids = driver.kept("rollout")
    assert not _shrank_meanwhile(pool)
    chosen = {pod: at for pod, at in pool.deleted().items() if pod not in before}  # the old ones drain, busy or not
    found = judgement(ids, driver.executions(), chosen)
    assert found.sound, found


def _released(sighting: Sighting) -> bool:
    containers = sighting.body["spec"]["template"]["spec"]["containers"]
    return any(variable["name"] == "RELEASE" for container in containers for variable in container.get("env", ()))


def _over(sighting: Sighting) -> bool:
    """Whether the Deployment's controller has seen the new template and no pod of the old one is left."""
    meta, status = sighting.body["metadata"], sighting.body.get("status", {})
    seen = status.get("observedGeneration", 0) >= meta["generation"]
    settled = status.get("updatedReplicas") == status.get("replicas") == status.get("availableReplicas")
    return bool(seen and settled)


def _shrank_meanwhile(pool: Fleet) -> bool:
    """Between the first sighting of the new template and the first after the rollout, that one's count included."""
    counts = []
    for sighting in filter(_released, pool.told):
        counts.append(sighting.body["spec"]["replicas"])
        if _over(sighting):
            break
    return any(later < earlier for earlier, later in pairwise(counts))
