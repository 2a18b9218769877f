from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigurationError
from penstock.kube import Manifest
from penstock.resources.meta import ObjectMeta
from penstock.resources.pool import WorkerPool, WorkerPoolSpec
from penstock_operator.manifests import BROKER_MARK, deployment, fingerprint, namespace_objects, pool_queues, selector
from penstock_operator.settings import Settings
from tests.unit.penstock_operator.rig import SETTINGS


def pool(**spec: object) -> WorkerPool:
    return WorkerPool(
        metadata=ObjectMeta(name="fast", namespace="shop", uid="uid-1"),
        spec=WorkerPoolSpec.model_validate({"app": "shop.tasks:app", **spec}),
    )


def pod(**spec: object) -> Manifest:
    return dict(deployment(pool(**spec), 3, SETTINGS)["spec"]["template"])


def worker(template: Manifest) -> Manifest:
    [found] = [container for container in template["spec"]["containers"] if container["name"] == "worker"]
    return dict(found)


def environment(template: Manifest) -> dict[str, Manifest]:
    return {entry["name"]: entry for entry in worker(template)["env"]}


def test_a_deployment_belongs_to_its_pool() -> None:
    body = deployment(pool(), 3, SETTINGS)
    assert body["metadata"]["name"] == "fast-workers"
    [owner] = body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("WorkerPool", "fast", "uid-1", True)
    assert body["spec"]["replicas"] == 3


def test_it_selects_the_pods_that_it_makes() -> None:
    body = deployment(pool(template={"metadata": {"labels": {"penstock.dev/pool": "other", "team": "a"}}}), 1, SETTINGS)
    labels = body["spec"]["template"]["metadata"]["labels"]
    assert body["spec"]["selector"]["matchLabels"] == selector("fast")
    assert selector("fast").items() <= labels.items()
    assert labels["team"] == "a"


def test_the_worker_is_told_what_to_do() -> None:
    env = environment(pod(queues=["mail", "reports"], concurrency=4, processes=2, drainSeconds=90))
    values = {name: entry["value"] for name, entry in env.items() if "value" in entry}
    assert values == {
        "PENSTOCK_APP": "shop.tasks:app",
        "PENSTOCK_QUEUES": "mail,reports",
        "PENSTOCK_CONCURRENCY": "4",
        "PENSTOCK_PROCESSES": "2",
        "PENSTOCK_DRAIN_SECONDS": "90",
        "PENSTOCK_HEALTH_PORT": "8081",
        "PENSTOCK_POOL": "fast",
        "OTEL_SERVICE_NAME": "fast-worker",
    }
    assert env["PENSTOCK_URL"]["valueFrom"]["secretKeyRef"] == {"name": "penstock-broker", "key": "url"}
    assert env["PENSTOCK_NAMESPACE"]["valueFrom"]["fieldRef"] == {"fieldPath": "metadata.namespace"}
    assert env["POD_NAME"]["valueFrom"]["fieldRef"] == {"fieldPath": "metadata.name"}


@pytest.mark.parametrize(("app", "queue"), [("shop.tasks:app", "shop"), ("jobs:app", "jobs")])
def test_without_queues_it_serves_the_apps_own(app: str, queue: str) -> None:
    assert [*pool_queues(pool(app=app).spec)] == [queue]


def test_the_image_is_the_pools_else_the_worker_image() -> None:
    assert worker(pod(image="shop:2"))["image"] == "shop:2"
    assert worker(pod())["image"] == SETTINGS.worker_image


def test_code_for_tryouts_is_mounted() -> None:
    template = pod(source={"configMap": "code"})
    assert {"name": "source", "configMap": {"name": "code"}} in template["spec"]["volumes"]
    assert {"name": "source", "mountPath": "/app"} in worker(template)["volumeMounts"]


def test_a_template_is_merged_into_the_pod() -> None:
    template = pod(
        template={
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "containers": [
                    {"name": "worker", "resources": {"limits": {"cpu": "1"}}, "env": [{"name": "A", "value": "1"}]},
                    {"name": "sidecar", "image": "proxy"},
                ],
            }
        }
    )
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert worker(template)["resources"] == {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1"}}
    assert environment(template)["A"] == {"name": "A", "value": "1"}
    assert [container["name"] for container in template["spec"]["containers"]] == ["worker", "sidecar"]


def test_pods_pass_the_restricted_standard() -> None:
    template = pod()
    assert template["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert worker(template)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "tmp", "mountPath": "/tmp"} in worker(template)["volumeMounts"]  # the root is read-only


@given(st.integers(0, 86_400), st.none() | st.integers(0, 100_000))
def test_there_is_time_to_drain(drain: int, asked: int | None) -> None:
    template = {} if asked is None else {"spec": {"terminationGracePeriodSeconds": asked}}
    grace = pod(drainSeconds=drain, template=template)["spec"]["terminationGracePeriodSeconds"]
    assert grace == max(drain + 10, asked or 0)


@pytest.mark.parametrize(
    "change",
    [
        {"image": "evil"},
        {"env": [{"name": "PENSTOCK_APP", "value": "evil:app"}]},
        {"readinessProbe": {"httpGet": {"path": "/evil"}}},
        {"livenessProbe": None, "startupProbe": None},
        {"securityContext": {"allowPrivilegeEscalation": True, "readOnlyRootFilesystem": False}},
        {"securityContext": {"capabilities": {"drop": []}}},
    ],
)
def test_the_workers_floor_is_put_back(change: Manifest) -> None:
    template = {"spec": {"containers": [{"name": "worker", **change}]}}
    assert worker(pod(template=template)) == worker(pod())


@pytest.mark.parametrize(
    "change",
    [
        {"serviceAccountName": "admin"},
        {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"terminationGracePeriodSeconds": 1},
    ],
)
def test_the_pods_floor_is_put_back(change: Manifest) -> None:
    assert pod(template={"spec": change}) == pod()


@pytest.mark.parametrize(
    "change",
    [
        {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
        {"securityContext": {"privileged": True}},
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"env": [{"name": "PENSTOCK_URL", "value": "redis://evil"}]},
        {"livenessProbe": {"exec": {"command": ["true"]}}},
    ],
)
def test_what_the_template_adds_beside_the_floor_goes(change: Manifest) -> None:
    template = {"spec": {"containers": [{"name": "worker", **change}]}}
    assert worker(pod(template=template)) == worker(pod())


@pytest.mark.parametrize("change", [{"hostNetwork": True}, {"hostPID": True}])
def test_a_pod_stays_out_of_its_host(change: Manifest) -> None:
    assert pod(template={"spec": change}) == pod()


def test_another_broker_rolls_the_workers() -> None:
    def mark(url: str, otlp: str = "") -> object:
        settings = replace(SETTINGS, broker_url=url, otlp_endpoint=otlp)
        return deployment(pool(), 1, settings)["spec"]["template"]["metadata"]["annotations"][BROKER_MARK]

    assert mark("redis://a") == mark("redis://a")
    assert len({mark("redis://a"), mark("redis://:other@a"), mark("redis://a", "http://otel")}) == 3
    assert "other" not in str(mark("redis://:other@a"))


def test_where_the_platform_assigns_users_workers_choose_none() -> None:
    spec = deployment(pool(), 1, replace(SETTINGS, fixed_user_ids=False))["spec"]["template"]["spec"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_pull_secrets_go_beside_those_of_the_template() -> None:
    settings = replace(SETTINGS, worker_pull_secrets=("ours",))
    own = pool(template={"spec": {"imagePullSecrets": [{"name": "own"}]}})
    spec = deployment(own, 1, settings)["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "ours"}, {"name": "own"}]


def test_the_role_that_workers_are_bound_to() -> None:
    [binding] = [one for one in namespace_objects(replace(SETTINGS, worker_role_kind="Role")) if "roleRef" in one]
    assert binding["roleRef"]["kind"] == "Role"


@pytest.mark.parametrize(
    "template",
    [{"spec": None}, {"spec": {"terminationGracePeriodSeconds": "soon"}}, {"spec": []}, {"spec": {"containers": 1}}],
)
def test_a_template_of_the_wrong_shape_is_refused(template: Manifest) -> None:
    with pytest.raises(ConfigurationError, match=r"spec\.template isn't a partial pod template"):
        pod(template=template)


def test_a_pool_is_not_altered() -> None:
    template: Manifest = {"spec": {"containers": [{"name": "worker", "env": [{"name": "A", "value": "1"}]}]}}
    before = copy.deepcopy(template)
    pod(template=template)
    assert template == before


def test_a_fingerprint_tells_manifests_apart() -> None:
    body = deployment(pool(), 3, SETTINGS)
    assert fingerprint(body) == fingerprint(deployment(pool(), 3, SETTINGS))
    assert fingerprint(body) != fingerprint(deployment(pool(image="b:1"), 3, SETTINGS))
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_namespace_gets_the_brokers_address_and_the_workers_identity() -> None:
    secret, account, binding = namespace_objects(SETTINGS)
    assert (secret["kind"], secret["stringData"]) == ("Secret", {"url": "memory://"})
    assert (account["kind"], account["metadata"]["name"]) == ("ServiceAccount", "penstock-worker")
    assert binding["roleRef"]["name"] == SETTINGS.worker_cluster_role
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "penstock-worker"}]


def test_where_there_is_a_collector_workers_learn_of_it() -> None:
    settings = Settings("memory://", "s", "w", "Always", "r", "http://otel:4318", "INFO")
    assert namespace_objects(settings)[0]["stringData"]["otlpEndpoint"] == "http://otel:4318"
