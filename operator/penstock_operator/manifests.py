"""The objects that the operator makes: a pool's Deployment, and what a namespace needs before its first one. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from penstock.errors import ConfigurationError
from penstock.kube import Manifest
from penstock.resources.kinds import API_VERSION, GROUP
from penstock.resources.pool import WorkerPool, WorkerPoolSpec
from penstock_operator.api import Key
from penstock_operator.deletion_cost import DELETION_COST, USUAL_COST
from penstock_operator.merge import merge
from penstock_operator.settings import Settings

__all__ = [
    "BROKER_MARK",
    "BROKER_SECRET",
    "FORCED",
    "POOL_LABEL",
    "SERVICE_ACCOUNT",
    "deployment",
    "fingerprint",
    "namespace_objects",
    "owner",
    "pool_key",
    "pool_of",
    "pool_queues",
    "selector",
    "workers_name",
]

BROKER_SECRET = "penstock-broker"
SERVICE_ACCOUNT = "penstock-worker"
MANAGED = {"app.kubernetes.io/managed-by": "penstock"}
POOL_LABEL = f"{GROUP}/pool"
BROKER_MARK = f"{GROUP}/broker"
HEALTH_PORT = 8081
# Between the end of the drain and SIGKILL: reports, spans, goodbyes.
GRACE_SECONDS = 10
USER = 65532
HOST_FIELDS = {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
FORCED = HOST_FIELDS | {
    *("serviceAccountName", "terminationGracePeriodSeconds", "securityContext", "image", "ports"),
    *("readinessProbe", "startupProbe", "livenessProbe", "terminationMessagePolicy"),
}
"""Fields of a pod and of its container `worker` on which no template has a say."""


def pool_queues(spec: WorkerPoolSpec) -> Sequence[str]:
    """The queues that a pool serves: its own list, else the one named like its app's package."""
    return spec.queues or (spec.app.partition(":")[0].partition(".")[0],)


def pool_key(pool: WorkerPool) -> Key:
    """(namespace, name)."""
    return str(pool.metadata.namespace), str(pool.metadata.name)


def workers_name(pool: str) -> str:
    """Of the pool's Deployment, and of all that goes with it."""
    return f"{pool}-workers"


def pool_of(workers: str) -> str:
    """The pool whose Deployment is called so."""
    return workers.removesuffix("-workers")


def selector(pool: str) -> dict[str, str]:
    """The labels of a pool's pods."""
    return MANAGED | {POOL_LABEL: pool}


def owner(pool: WorkerPool) -> Manifest:
    """The reference by which what is a pool's goes with it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "WorkerPool",
        "name": str(pool.metadata.name),
        "uid": pool.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def deployment(pool: WorkerPool, replicas: int, settings: Settings) -> Manifest:
    """The Deployment of a pool: the user's template merged into ours, and the floor under both.

    Raises ConfigurationError for a template that is none.
    """
    name, labels = str(pool.metadata.name), selector(str(pool.metadata.name))
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": workers_name(name),
            "labels": labels,
            "ownerReferences": [owner(pool)],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "progressDeadlineSeconds": 120,
            "template": _template(pool, settings),
        },
    }


def _template(pool: WorkerPool, settings: Settings) -> Manifest:
    try:
        return _with_floor(merge(_pod_template(pool, settings), pool.spec.template or {}), pool, settings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"spec.template isn't a partial pod template ({type(error).__name__}: {error}): write it like the template "
            "of a Deployment, with the container `worker`; see kubectl explain deployment.spec.template"
        ) from error


def _pod_template(pool: WorkerPool, settings: Settings) -> Manifest:
    source = pool.spec.source
    volumes = [{"name": "tmp", "emptyDir": {}}]
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if source is not None:
        volumes.append({"name": "source", "configMap": {"name": source.config_map}})
        mounts.append({"name": "source", "mountPath": "/app"})
    worker = {
        "name": "worker",
        "imagePullPolicy": settings.worker_pull_policy,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "volumeMounts": mounts,
    }
    return {
        "metadata": {"annotations": {"kubectl.kubernetes.io/default-container": "worker"}},
        "spec": {"containers": [worker], "volumes": volumes} | _pull_secrets(settings),
    }


def _pull_secrets(settings: Settings) -> Manifest:
    found = [{"name": name} for name in settings.worker_pull_secrets]
    return {"imagePullSecrets": found} if found else {}


def _users(settings: Settings) -> Manifest:
    """Platforms that assign users refuse pods that choose their own."""
    return {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if settings.fixed_user_ids else {}


def _broker_mark(settings: Settings) -> str:
    """Changes with the address of the broker or the telemetry: workers read these when they start."""
    return fingerprint({"url": settings.broker_url, "otlp": settings.otlp_endpoint})[:16]


def _with_floor(template: Manifest, pool: WorkerPool, settings: Settings) -> Manifest:
    """What no template may change: identity, environment, probes, shutdown and the security floor. Not merged but put
    in place, for a merge would keep what the template adds."""
    spec = {key: value for key, value in template["spec"].items() if key not in HOST_FIELDS}
    others = [container for container in spec["containers"] if container["name"] != "worker"]
    [worker] = [container for container in spec["containers"] if container["name"] == "worker"]
    grace = max(int(spec.get("terminationGracePeriodSeconds") or 0), pool.spec.drain_seconds + GRACE_SECONDS)
    spec |= {
        "serviceAccountName": SERVICE_ACCOUNT,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            **_users(settings),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [worker | _forced_worker(pool, settings, worker.get("env") or []), *others],
    }
    annotations = {DELETION_COST: str(USUAL_COST), BROKER_MARK: _broker_mark(settings)}
    ours = {"labels": selector(str(pool.metadata.name)), "annotations": annotations}
    return dict(merge(template, {"metadata": ours})) | {"spec": spec}


def _forced_worker(pool: WorkerPool, settings: Settings, env: list[Manifest]) -> Manifest:
    ours = _environment(pool)
    names = {variable["name"] for variable in ours}
    return {
        "image": pool.spec.image or settings.worker_image,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "ports": [{"name": "health", "containerPort": HEALTH_PORT}],
        "env": [*ours, *(variable for variable in env if variable["name"] not in names)],
        "readinessProbe": _probe("/readyz", periodSeconds=2, timeoutSeconds=2),
        "startupProbe": _probe("/readyz", periodSeconds=1, timeoutSeconds=2, failureThreshold=60),
        "livenessProbe": _probe("/healthz", periodSeconds=10, timeoutSeconds=5, failureThreshold=6),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _probe(path: str, **times: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "health", "scheme": "HTTP"}, **times}


def _environment(pool: WorkerPool) -> list[Manifest]:
    spec = pool.spec
    values = {
        "PENSTOCK_APP": spec.app,
        "PENSTOCK_QUEUES": ",".join(pool_queues(spec)),
        "PENSTOCK_CONCURRENCY": str(spec.concurrency),
        "PENSTOCK_PROCESSES": str(spec.processes),
        "PENSTOCK_DRAIN_SECONDS": str(spec.drain_seconds),
        "PENSTOCK_HEALTH_PORT": str(HEALTH_PORT),
        "PENSTOCK_POOL": str(pool.metadata.name),
        "OTEL_SERVICE_NAME": f"{pool.metadata.name}-worker",
    }
    secret = {
        "PENSTOCK_URL": {"name": BROKER_SECRET, "key": "url"},
        "OTEL_EXPORTER_OTLP_ENDPOINT": {"name": BROKER_SECRET, "key": "otlpEndpoint", "optional": True},
    }
    fields = {"PENSTOCK_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        *({"name": name, "valueFrom": {"secretKeyRef": reference}} for name, reference in secret.items()),
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
    ]


def namespace_objects(settings: Settings) -> list[Manifest]:
    """What a namespace that uses Penstock gets: the broker's address, and the workers' identity with the right to
    report on Tasks. Services that enqueue mount the same Secret."""
    account = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT}
    role = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": settings.worker_role_kind,
        "name": settings.worker_cluster_role,
    }
    data = {"url": settings.broker_url} | ({"otlpEndpoint": settings.otlp_endpoint} if settings.otlp_endpoint else {})
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": _managed(BROKER_SECRET), "stringData": data},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _managed(SERVICE_ACCOUNT)},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": _managed(SERVICE_ACCOUNT),
            "roleRef": role,
            "subjects": [account],
        },
    ]


def _managed(name: str) -> Manifest:
    return {"name": name, "labels": MANAGED}


def fingerprint(manifest: Manifest) -> str:
    """Whether two manifests say the same."""
    return hashlib.sha256(msgspec.json.encode(manifest, order="deterministic")).hexdigest()
