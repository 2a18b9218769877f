"""The broker emptied, and gone, in the middle of work: the API server knows every Task."""

from __future__ import annotations

import json

import pytest

from tests.e2e.kubectl import Kubectl, Refused
from tests.e2e.test_operator_faults.conftest import Judge, Trials
from tests.e2e.test_operator_faults.scale import Scale

PER_SECOND = 40.0
REDIS = "app.kubernetes.io/component=redis"
FLUSH = """redis-cli --no-auth-warning -a "$(sed -n 's/^requirepass //p' /etc/redis/redis.conf)" flushall"""


def test_emptied(trial: Trials, judge: Judge, system: Kubectl, scale: Scale) -> None:
    with trial("Redis emptied") as it:
        it.emptied = True
        load = it.create(scale.some, per_second=PER_SECOND, seconds=0.2)
        for part in (0.3, 0.6, 0.9):
            load.reach(part * scale.some)
            assert "OK" in system("exec", "deploy/penstock-redis", "--", "sh", "-c", FLUSH)
        judge(it)


def test_killed(trial: Trials, judge: Judge, system: Kubectl, scale: Scale) -> None:
    with trial("Redis killed, without a disk") as it:
        it.emptied = True
        load = it.create(scale.some, per_second=PER_SECOND, seconds=0.2)
        load.reach(scale.some / 2)
        system("delete", "pod", "-l", REDIS, "--grace-period=0", "--force")
        judge(it)


@pytest.mark.parametrize("change", [{"worker": "another"}, {"attempts": 9}, {"finishedAt": "2030-01-01T00:00:00Z"}])
def test_an_outcome_is_not_overwritten_by_another_of_the_same_phase(pool: Kubectl, change: dict[str, object]) -> None:
    """A broker that forgot may run a Task again whose first outcome is still on its way: both end the same run."""
    name = f"ended-{next(iter(change)).lower()}"
    pool.task(name, "echo", "first")
    before = pool.finished(name)
    with pytest.raises(Refused):
        pool("patch", f"ptask/{name}", "--subresource=status", "--type=merge", "-p", json.dumps({"status": change}))
    assert pool.json("ptask", name)["status"] == before
