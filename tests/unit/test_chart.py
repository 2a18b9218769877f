"""What the chart renders, without a cluster. Needs helm on the PATH, which `make test` puts there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue as Manifest

from penstock.cli import pools
from penstock_operator import leader_label
from penstock_operator import settings as operator_settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "penstock"
HELM = shutil.which("helm")

pytestmark = pytest.mark.skipif(HELM is None, reason="helm is not on the PATH")

API_PORT = operator_settings.Settings.from_environment(
    {"PENSTOCK_URL": "redis://r", "PENSTOCK_WORKER_IMAGE": "w"}
).api_port
LEADER = leader_label.LABEL
EXTERNAL = ("redis.enabled=false", "redis.url=rediss://:s3cret@redis.example:6380/0")
SECRET = ("redis.enabled=false", "redis.existingSecret=my-redis", "redis.existingSecretKey=dsn")
EVERYTHING = (
    "networkPolicy.enabled=true",
    "redis.persistence.enabled=true",
    "redis.persistence.retain=true",
    "collector.forward.endpoint=https://otlp.example:4318",
    "collector.forward.headers.authorization=Bearer x",
    "imagePullSecrets[0].name=registry",
    "operator.extraEnv[0].name=A",
    "operator.extraEnv[0].value=b",
    "operator.nodeSelector.disk=fast",
    "operator.tolerations[0].operator=Exists",
    "operator.priorityClassName=high",
    "redis.nodeSelector.disk=fast",
    "collector.nodeSelector.disk=fast",
)
BARE = ("collector.enabled=false", "crds.install=false", "apiPriority.enabled=false", *SECRET)
VARIANTS = {"default": (), "external": EXTERNAL, "secret": SECRET, "everything": EVERYTHING, "bare": BARE}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM or "helm", *arguments], capture_output=True, text=True, check=False)


def settings(values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        yield from ("--set", value)


@cache
def rendered(*values: str, release: str = "penstock") -> dict[tuple[str, str], Manifest]:
    """The objects by (kind, name)."""
    result = helm("template", release, str(CHART), "--namespace", "penstock-system", *settings(values))
    assert result.returncode == 0, result.stderr
    objects = [item for item in yaml.safe_load_all(result.stdout) if item]
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


def container(component: str, *values: str) -> Manifest:
    pod = rendered(*values)["Deployment", f"penstock-{component}"]["spec"]["template"]["spec"]
    first: Manifest = pod["containers"][0]
    return first


def environment(*values: str) -> dict[str, Manifest]:
    return {entry["name"]: entry for entry in container("operator", *values)["env"]}


def pod_specs(objects: dict[tuple[str, str], Manifest]) -> Iterator[tuple[str, Manifest]]:
    for (kind, name), item in objects.items():
        if kind == "Pod":
            yield name, item["spec"]
        if kind in ("Deployment", "StatefulSet"):
            yield name, item["spec"]["template"]["spec"]


@pytest.fixture(params=VARIANTS.values(), ids=list(VARIANTS))
def objects(request: pytest.FixtureRequest) -> dict[tuple[str, str], Manifest]:
    return rendered(*request.param)


def test_lint() -> None:
    result = helm("lint", "--strict", str(CHART))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_pod_passes_the_restricted_standard(objects: dict[tuple[str, str], Manifest]) -> None:
    for name, pod in pod_specs(objects):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for item in pod["containers"]:
            assert item["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert item["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert item["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name


def test_every_pod_has_requests_and_every_deployment_both_probes(objects: dict[tuple[str, str], Manifest]) -> None:
    for name, pod in pod_specs(objects):
        for item in pod["containers"]:
            assert item["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert name.endswith("-test") or {"livenessProbe", "readinessProbe"} <= item.keys(), name


def test_selectors_match_one_component_each(objects: dict[tuple[str, str], Manifest]) -> None:
    pods = [item["spec"]["template"] for (kind, _), item in objects.items() if kind == "Deployment"]
    pods += [item for (kind, _), item in objects.items() if kind == "Pod"]
    for (kind, name), item in objects.items():
        if kind == "Service":
            wanted = item["spec"]["selector"].items() - {(LEADER, "penstock-operator")}
            assert sum(wanted <= pod["metadata"]["labels"].items() for pod in pods) == 1, name


def test_everything_but_the_crds_carries_the_release(objects: dict[tuple[str, str], Manifest]) -> None:
    for (kind, name), item in objects.items():
        if kind != "CustomResourceDefinition":
            assert item["metadata"]["labels"]["app.kubernetes.io/instance"] == "penstock", (kind, name)


def test_only_the_crds_and_a_retained_claim_outlive_the_release() -> None:
    kept = {key for key, item in rendered(*EVERYTHING).items() if "helm.sh/resource-policy" in str(item["metadata"])}
    assert {kind for kind, _ in kept} == {"CustomResourceDefinition", "PersistentVolumeClaim"}
    assert {kind for kind, name in rendered() if (kind, name) in kept} == {"CustomResourceDefinition"}


def test_crds_are_the_generated_ones_and_can_be_left_out() -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        plain = yaml.safe_load(path.read_text("utf-8"))
        assert rendered()["CustomResourceDefinition", plain["metadata"]["name"]]["spec"] == plain["spec"]
    assert "CustomResourceDefinition" not in {kind for kind, _ in rendered(*BARE)}


def test_names() -> None:
    assert ("Deployment", "penstock-operator") in rendered()
    assert ("Deployment", "trial-penstock-operator") in rendered(release="trial")
    assert ("Deployment", "x-operator") in rendered("fullnameOverride=x")


def test_operator() -> None:
    deployment = rendered()["Deployment", "penstock-operator"]["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    operator = container("operator")
    assert not {"command", "args"} & operator.keys(), "the image's entry point starts the operator"
    assert operator["image"] == "penstock/operator:0.1.0"
    assert operator["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert operator["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert operator["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_operator_environment() -> None:
    env = environment()
    assert env["PENSTOCK_URL"]["valueFrom"]["secretKeyRef"] == {"name": "penstock-broker", "key": "url"}
    assert env["PENSTOCK_SYSTEM_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.namespace"
    assert env["PENSTOCK_WORKER_IMAGE"]["value"] == "penstock/worker:0.1.0"
    assert env["PENSTOCK_WORKER_IMAGE_PULL_POLICY"]["value"] == "IfNotPresent"
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == "http://penstock-collector.penstock-system.svc:4318"
    assert env["OTEL_SERVICE_NAME"]["value"] == "penstock-operator"
    assert environment(*EVERYTHING)["A"]["value"] == "b"


def test_the_worker_role_that_the_operator_is_told_of_is_the_one_it_may_bind() -> None:
    name = environment()["PENSTOCK_WORKER_CLUSTER_ROLE"]["value"]
    rules = rendered()["ClusterRole", "penstock-operator"]["rules"]
    assert [rule["resourceNames"] for rule in rules if rule["verbs"] == ["bind"]] == [[name]]
    assert rendered()["ClusterRole", name]["rules"] == [
        {"apiGroups": ["penstock.dev"], "resources": ["tasks"], "verbs": ["get"]},
        {"apiGroups": ["penstock.dev"], "resources": ["tasks/status"], "verbs": ["get", "patch"]},
    ]


def test_several_operators_are_kept_apart_and_alive() -> None:
    objects = rendered("operator.replicas=2")
    deployment = objects["Deployment", "penstock-operator"]["spec"]
    assert deployment["replicas"] == 2
    assert deployment["template"]["spec"]["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    assert objects["PodDisruptionBudget", "penstock-operator"]["spec"]["minAvailable"] == 1
    assert ("PodDisruptionBudget", "penstock-operator") not in rendered()


def test_the_lease_is_the_only_one_that_the_operator_may_have() -> None:
    env = environment()
    [leases] = [
        rule["resourceNames"]
        for rule in rendered()["Role", "penstock-operator-own"]["rules"]
        if rule["resources"] == ["leases"] and rule["verbs"] != ["create"]
    ]
    assert leases == [env["PENSTOCK_LEASE"]["value"]]


def test_in_some_namespaces_alone_it_has_no_rights_elsewhere() -> None:
    narrow = rendered("watchNamespaces={a}")
    assert ("ClusterRole", "penstock-operator") not in narrow
    assert ("ClusterRoleBinding", "penstock-operator") not in narrow
    role, binding = narrow["Role", "penstock-operator"], narrow["RoleBinding", "penstock-operator"]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "a"
    wide = [rule for rule in rendered()["ClusterRole", "penstock-operator"]["rules"] if rule not in role["rules"]]
    assert {resource for rule in wide for resource in rule["resources"]} == {"namespaces", "customresourcedefinitions"}
    assert environment("watchNamespaces={a,b}")["PENSTOCK_WATCH_NAMESPACES"]["value"] == "a,b"


@pytest.mark.parametrize(("kind", "values"), [("ClusterRole", ()), ("Role", ("watchNamespaces={a}",))])
def test_it_may_see_to_the_disruption_budgets_of_pools_and_to_their_pods(kind: str, values: tuple[str, ...]) -> None:
    rules = rendered(*values)[kind, "penstock-operator"]["rules"]
    may = {(group, name): rule["verbs"] for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    assert may["policy", "poddisruptionbudgets"] == ["get", "list", "watch", "create", "patch", "delete"]
    assert may["", "pods"] == ["get", "list", "watch", "patch"]


def test_a_shard_is_told_what_is_its() -> None:
    env = environment("operator.taskSelector=shard=a", "operator.onlyTasks=true", "operator.requireTaskQueues=true")
    assert env["PENSTOCK_TASK_SELECTOR"]["value"] == "shard=a"
    assert (env["PENSTOCK_ONLY_TASKS"]["value"], env["PENSTOCK_REQUIRE_QUEUES"]["value"]) == ("true", "true")


def test_the_operator_reads_no_secret_but_its_own() -> None:
    for rule in rendered()["ClusterRole", "penstock-operator"]["rules"]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        if "secrets" in rule["resources"]:
            assert rule.get("resourceNames") == ["penstock-broker"] or rule["verbs"] == ["create"]


def test_roles_for_people() -> None:
    for role in ("view", "edit", "admin"):
        labels = rendered()["ClusterRole", f"penstock-{role}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"
    verbs = ["create", "get", "list", "watch"]
    assert rendered()["ClusterRole", "penstock-submitter"]["rules"] == [
        {"apiGroups": ["penstock.dev"], "resources": ["tasks"], "verbs": verbs},
        {"apiGroups": ["penstock.dev"], "resources": ["taskbatches"], "verbs": [*verbs, "patch"]},
    ]


def test_embedded_redis_is_reached_by_url_with_the_password_it_asks_for() -> None:
    url = rendered()["Secret", "penstock-broker"]["stringData"]["url"]
    match = re.fullmatch(r"redis://:([A-Za-z0-9]{32})@penstock-redis\.penstock-system\.svc:6379/0", url)
    assert match
    config = rendered()["Secret", "penstock-redis"]["stringData"]["redis.conf"]
    for line in (f"requirepass {match[1]}", "appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"):
        assert line in config.splitlines()


def test_a_given_password_is_used() -> None:
    objects = rendered("redis.password=abc")
    assert objects["Secret", "penstock-broker"]["stringData"]["url"].startswith("redis://:abc@")


def test_external_redis() -> None:
    assert rendered(*EXTERNAL)["Secret", "penstock-broker"]["stringData"]["url"] == EXTERNAL[1].partition("=")[2]
    assert not any("redis" in name for _, name in rendered(*EXTERNAL))
    assert environment(*SECRET)["PENSTOCK_URL"]["valueFrom"]["secretKeyRef"] == {"name": "my-redis", "key": "dsn"}
    assert {name for kind, name in rendered(*SECRET) if kind == "Secret"} == {"penstock-collector"}


def test_persistence() -> None:
    def data(*values: str) -> JsonValue:
        volumes = rendered(*values)["Deployment", "penstock-redis"]["spec"]["template"]["spec"]["volumes"]
        found: JsonValue = next(volume for volume in volumes if volume["name"] == "data")
        return found

    assert data() == {"name": "data", "emptyDir": {}}
    assert data("redis.persistence.enabled=true") == {
        "name": "data",
        "persistentVolumeClaim": {"claimName": "penstock-redis"},
    }
    mine = ("redis.persistence.enabled=true", "redis.persistence.existingClaim=mine")
    assert data(*mine) == {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}}
    assert ("PersistentVolumeClaim", "penstock-redis") not in rendered(*mine)


def test_telemetry_goes_to_the_given_endpoint_or_nowhere() -> None:
    given = environment("telemetry.endpoint=https://otlp.example:4318", "collector.enabled=false")
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == "https://otlp.example:4318"
    nowhere = environment("collector.enabled=false", "operator.metrics.exporters=null")
    assert not {name for name in nowhere if name.startswith("OTEL")}


def test_collector() -> None:
    def config(*values: str) -> Manifest:
        loaded: Manifest = yaml.safe_load(
            rendered(*values)["Secret", "penstock-collector"]["stringData"]["config.yaml"]
        )
        return loaded

    assert config()["exporters"] == {"file": {"path": "/dev/stdout"}}
    assert config()["processors"]["batch"] == {"timeout": "200ms"}
    forwarding = config(*EVERYTHING)
    assert forwarding["exporters"]["otlp_http"] == {
        "endpoint": "https://otlp.example:4318",
        "headers": {"authorization": "Bearer x"},
    }
    assert forwarding["service"]["pipelines"]["traces"]["exporters"] == ["file", "otlp_http"]
    assert "command" not in container("collector")


def test_admission_policy_covers_the_immutable_fields() -> None:
    policy = rendered()["ValidatingAdmissionPolicy", "penstock-task-immutability"]["spec"]
    messages = [validation["message"] for validation in policy["validations"]]
    assert [message.partition(" ")[0] for message in messages] == ["spec.task", "spec.args", "spec.kwargs"]
    binding = rendered()["ValidatingAdmissionPolicyBinding", "penstock-task-immutability"]["spec"]
    assert binding == {"policyName": "penstock-task-immutability", "validationActions": ["Deny"]}


def test_the_test_pod_sees_what_the_operator_sees() -> None:
    pod = rendered()["Pod", "penstock-test"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["serviceAccountName"] == "penstock-operator"
    probe = pod["spec"]["containers"][0]
    assert probe["command"] == ["python", "-m", "penstock_operator.probe"]
    assert environment().keys() <= {entry["name"] for entry in probe["env"]}


def test_network_policies_are_off_unless_asked_for() -> None:
    assert not [kind for kind, _ in rendered() if kind == "NetworkPolicy"]
    names = {name for kind, name in rendered(*EVERYTHING) if kind == "NetworkPolicy"}
    assert names == {"penstock-operator", "penstock-redis", "penstock-collector"}
    proxied = rendered("networkPolicy.enabled=true", "networkPolicy.apiServer={10.0.0.1/32}")
    pods, server = proxied["NetworkPolicy", "penstock-operator"]["spec"]["ingress"]
    assert [port["port"] for port in pods["ports"]] == [8080, API_PORT]
    assert (server["from"], server["ports"][0]["port"]) == ([{"ipBlock": {"cidr": "10.0.0.1/32"}}], API_PORT)


def test_the_service_leads_to_the_leader_alone() -> None:
    service = rendered()["Service", "penstock-operator"]["spec"]
    assert service["selector"][LEADER] == environment()["PENSTOCK_LEASE"]["value"]
    assert {port["name"]: port["port"] for port in service["ports"]} == {"http": 8080, "api": API_PORT}
    ports = {port["name"]: port["containerPort"] for port in container("operator")["ports"]}
    assert ports == {"http": 8080, "api": API_PORT}
    [patched] = [
        rule["resources"]
        for rule in rendered("watchNamespaces={a}")["Role", "penstock-operator-own"]["rules"]
        if "patch" in rule["verbs"] and rule["apiGroups"] == [""]
    ]
    assert patched == ["pods"]


def test_readers_of_the_signals_get_that_service_and_nothing_else() -> None:
    assert rendered()["Role", "penstock-signals-reader"]["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["services/proxy"],
            "resourceNames": [f"penstock-operator:{pools.PORT}", f"penstock-operator:{API_PORT}"],
            "verbs": ["get"],
        }
    ]
    assert ("RoleBinding", "penstock-signals-reader") not in rendered()
    reader = ("operator.service.readers[0].kind=Group", "operator.service.readers[0].name=developers")
    binding = rendered(*reader)["RoleBinding", "penstock-signals-reader"]
    assert binding["subjects"] == [{"kind": "Group", "name": "developers"}]
    assert binding["roleRef"]["name"] == "penstock-signals-reader"


def test_metrics_are_scraped_where_the_service_has_them() -> None:
    assert environment()["OTEL_METRICS_EXPORTER"]["value"] == "prometheus"
    assert environment("operator.metrics.exporters={prometheus,otlp}")["OTEL_METRICS_EXPORTER"]["value"] == (
        "prometheus,otlp"
    )
    assert not [kind for kind, _ in rendered() if kind == "ServiceMonitor"]
    monitor = rendered("operator.metrics.serviceMonitor.enabled=true")["ServiceMonitor", "penstock-operator"]["spec"]
    service = rendered()["Service", "penstock-operator"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"] == [{"port": "api", "path": "/metrics", "interval": "15s"}]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("redis.enabeld=false", "enabeld"),
        ("operator.logLevel=loud", "logLevel"),
        ("operator.image.pullPolicy=Sometimes", "pullPolicy"),
        ("redis.url=http://nope", "url"),
        ("redis.password=a b", "password"),
        ("redis.persistence.size=big", "size"),
        ("telemetry.endpoint=collector:4318", "endpoint"),
        ("redis.enabled=false", "set redis.url or redis.existingSecret"),
        ("operator.metrics.exporters={statsd}", "exporters"),
        ("operator.service.readers[0].kind=Robot", "readers"),
        ("networkPolicy.apiServer={here}", "apiServer"),
        (
            "operator.metrics.serviceMonitor.enabled=true,operator.metrics.exporters={otlp}",
            "needs operator.metrics.exporters: [prometheus]",
        ),
    ],
)
def test_wrong_values_are_refused_by_name(value: str, complaint: str) -> None:
    result = helm("template", "penstock", str(CHART), "--set", value)
    assert result.returncode != 0
    assert complaint in result.stderr


def test_notes_warn_of_lost_data_and_lead_to_a_first_task() -> None:
    def notes(*values: str) -> str:
        command = ("install", "penstock", str(CHART), "--dry-run=client", "--output", "json")
        result = helm(*command, *settings(values))
        if "cluster unreachable" in result.stderr:
            pytest.skip("helm before version 4 renders notes only with a cluster at hand")
        assert result.returncode == 0, result.stderr
        text: str = json.loads(result.stdout)["info"]["notes"]
        return text

    assert "WITHOUT PERSISTENCE" in notes()
    assert "WITHOUT PERSISTENCE" not in notes("redis.persistence.enabled=true")
    assert "WITHOUT PERSISTENCE" not in notes(*EXTERNAL)
    assert "kubectl wait ptask/hello --for=condition=Finished" in notes()
    assert "penstock pool explain shop -n default --system-namespace" in notes()


def test_no_value_is_left_undocumented() -> None:
    table = (CHART / "README.md").read_text("utf-8")
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert not [name for name in values if f"`{name}" not in table]


CONTRADICTIONS = {
    "two-redises": (("redis.url=redis://r",), "redis.enabled is true: set redis.enabled=false to use your own Redis"),
    "a-secret-unused": (("redis.existingSecret=mine",), "redis.enabled is true: set redis.enabled=false"),
    "two-urls": (("redis.enabled=false", "redis.url=redis://r", "redis.existingSecret=mine"), "exclude each other"),
    "a-claim-unused": (
        ("redis.persistence.existingClaim=mine",),
        "enabled is false: set that to true",
    ),
    "more-than-there-is": (
        ("redis.maxMemory=4gb",),
        "redis.maxMemory (4gb) reaches",
    ),
    "all-there-is": (("redis.maxMemory=512mb",), "lower the first or raise the second"),
    "a-name-twice": (
        ("operator.extraEnv[0].name=A", "operator.extraEnv[1].name=A"),
        "operator.extraEnv names A twice: keep one",
    ),
    "a-name-of-ours": (("operator.extraEnv[0].name=PENSTOCK_URL",), "which the chart sets itself"),
    "misspelt-resources": (("operator.resources.requsts.cpu=1",), "requsts"),
    "a-number-as-text": (("operator.extraEnv[0].name=A", "operator.extraEnv[0].value=1"), "value"),
    "a-digest-that-is-none": (("operator.image.digest=latest",), "digest"),
    "a-broker-that-is-none": (("redis.enabled=false", "redis.url=amqp://r"), "redis"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_end_with_the_remedy(case: str) -> None:
    values, words = CONTRADICTIONS[case]
    result = helm("template", "penstock", str(CHART), *settings(values))
    assert result.returncode != 0
    assert words in result.stderr


@pytest.mark.parametrize("memory", ["255mb", "511mb", "400m"])
def test_less_than_there_is_may_be_used(memory: str) -> None:
    assert (
        f"maxmemory {memory}"
        in rendered(f"redis.maxMemory={memory}")["Secret", "penstock-redis"]["stringData"]["redis.conf"]
    )


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "redis+cluster", "rediss+cluster"])
def test_every_kind_of_redis_that_is_documented(scheme: str) -> None:
    url = f"{scheme}://r:1/main"
    assert rendered("redis.enabled=false", f"redis.url={url}")["Secret", "penstock-broker"]["stringData"]["url"] == url


def test_a_shard_takes_nothing_away_when_it_is_uninstalled() -> None:
    assert ("Job", "penstock-cleanup") in rendered()
    assert ("Job", "penstock-cleanup") not in rendered("operator.onlyTasks=true", "operator.taskSelector=shard=a")


def test_a_clean_up_that_fails_stays_to_be_read() -> None:
    policy = rendered()["Job", "penstock-cleanup"]["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    assert "hook-failed" not in policy


def test_another_version_of_the_chart_restarts_no_redis(tmp_path: Path) -> None:
    newer = tmp_path / "penstock"
    shutil.copytree(CHART, newer)
    chart = (newer / "Chart.yaml").read_text()
    (newer / "Chart.yaml").write_text(re.sub(r"(?m)^(version|appVersion): .*$", r"\1: 9.9.9", chart))
    values = list(settings(("redis.password=x",)))

    def pods(folder: Path, component: str) -> JsonValue:
        result = helm("template", "penstock", str(folder), *values)
        assert result.returncode == 0, result.stderr
        found = [item for item in yaml.safe_load_all(result.stdout) if item and item["kind"] == "Deployment"]
        objects = {item["metadata"]["name"]: item for item in found}
        template: JsonValue = objects[f"penstock-{component}"]["spec"]["template"]
        return template

    for component in ("redis", "collector"):
        assert pods(CHART, component) == pods(newer, component)


def test_where_the_platform_assigns_users_no_pod_chooses_its_own() -> None:
    for name, pod in pod_specs(rendered("fixedUserIds=false")):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod["securityContext"].keys(), name
    assert environment("fixedUserIds=false")["PENSTOCK_FIXED_USER_IDS"]["value"] == "false"
    assert "PENSTOCK_FIXED_USER_IDS" not in environment()


def test_an_air_gapped_registry_and_digests() -> None:
    digest = "sha256:" + "a" * 64
    mirrored = ("imageRegistry=mirror.example:5000/x", f"operator.image.digest={digest}")
    for name, pod in pod_specs(rendered(*mirrored)):
        assert pod["containers"][0]["image"].startswith("mirror.example:5000/x/"), name
    assert container("operator", *mirrored)["image"] == f"mirror.example:5000/x/penstock/operator@{digest}"
    assert environment(*mirrored)["PENSTOCK_WORKER_IMAGE"]["value"].startswith("mirror.example:5000/x/penstock/worker:")


def test_pull_secrets_reach_the_workers() -> None:
    secrets = ("imagePullSecrets[0].name=a", "imagePullSecrets[1].name=b")
    assert environment(*secrets)["PENSTOCK_WORKER_PULL_SECRETS"]["value"] == "a,b"


def test_a_private_ca_can_be_mounted() -> None:
    values = (
        *("operator.extraVolumes[0].name=ca", "operator.extraVolumes[0].configMap.name=my-ca"),
        *("operator.extraVolumeMounts[0].name=ca", "operator.extraVolumeMounts[0].mountPath=/ca"),
    )
    pod = rendered(*values)["Deployment", "penstock-operator"]["spec"]["template"]["spec"]
    assert {"name": "ca", "configMap": {"name": "my-ca"}} in pod["volumes"]
    assert {"name": "ca", "mountPath": "/ca"} in pod["containers"][0]["volumeMounts"]


def test_values_of_the_release_before_still_render(tmp_path: Path) -> None:
    """`helm upgrade --reuse-values` brings none of the new ones."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    for name in ("imageRegistry", "fixedUserIds"):
        del values[name]
    for name in ("serviceAccount", "extraVolumes", "extraVolumeMounts", "podLabels", "topologySpreadConstraints"):
        del values["operator"][name]
    older = tmp_path / "penstock"
    shutil.copytree(CHART, older)
    (older / "values.yaml").write_text(yaml.safe_dump(values))
    result = helm("template", "penstock", str(older))
    assert result.returncode == 0, result.stderr
    assert "runAsUser: 10001" in result.stdout


def test_no_credentials_stand_in_a_config_map() -> None:
    headers = ("collector.forward.endpoint=https://o", "collector.forward.headers.authorization=Bearer s3cret")
    assert not [name for (kind, name), item in rendered(*headers).items() if kind != "Secret" and "s3cret" in str(item)]


NAMESPACED = ("watchNamespaces={a,b}", "crds.install=false")
OF_THE_CLUSTER = (
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "FlowSchema",
    "CustomResourceDefinition",
)


def test_a_release_for_some_namespaces_can_do_without_objects_of_the_cluster() -> None:
    objects = rendered(*NAMESPACED)
    assert not [name for kind, name in objects if kind.startswith(OF_THE_CLUSTER)]
    assert environment(*NAMESPACED)["PENSTOCK_WORKER_ROLE_KIND"]["value"] == "Role"
    rules = objects["Role", "penstock-operator"]["rules"]
    assert [rule["resources"] for rule in rules if rule["verbs"] == ["bind"]] == [["roles"]]
    result = helm("template", "penstock", str(CHART), *settings(NAMESPACED))
    roles = [item for item in yaml.safe_load_all(result.stdout) if item and item["kind"] == "Role"]
    workers = [role["metadata"]["namespace"] for role in roles if role["metadata"]["name"] == "penstock-worker"]
    assert workers == ["a", "b"]


def test_others_bind_a_role_of_the_cluster() -> None:
    assert "PENSTOCK_WORKER_ROLE_KIND" not in environment()
    assert ("ClusterRole", "penstock-worker") in rendered("watchNamespaces={a}")
