"""What every cluster has beside Kubernetes itself: DNS."""

import json

from local_cluster.network import DNS_SERVICE

_NAME = "coredns"
_NAMESPACE = "kube-system"
_PORT = 5353  # a port that needs no privilege
_METADATA = {"name": _NAME, "namespace": _NAMESPACE}
_LABELS = {"k8s-app": "kube-dns"}
_CLUSTER_WIDE = {"name": "system:coredns"}
_RBAC = "rbac.authorization.k8s.io"
_COREFILE = f"""\
.:{_PORT} {{
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5
    }}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
    cache 5
}}
"""


def dns(image: str) -> str:
    """CoreDNS, which knows the cluster's names and says of all others that they don't exist."""
    items = [*_access(), _configuration(), _service(), _deployment(image)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _access() -> list[dict[str, object]]:
    watch = ["list", "watch"]
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": watch,
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _CLUSTER_WIDE["name"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _METADATA},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": _CLUSTER_WIDE,
            "rules": rules,
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": _CLUSTER_WIDE,
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **_METADATA}],
        },
    ]


def _configuration() -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _METADATA,
        "data": {"Corefile": _COREFILE},
    }


def _service() -> dict[str, object]:
    ports = [
        {"name": f"dns-{protocol.lower()}", "port": 53, "targetPort": _PORT, "protocol": protocol}
        for protocol in ("UDP", "TCP")
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": _NAMESPACE, "labels": _LABELS},
        "spec": {"clusterIP": DNS_SERVICE, "selector": _LABELS, "ports": ports},
    }


def _deployment(image: str) -> dict[str, object]:
    volume = {"name": "configuration", "configMap": {"name": _NAME}}
    pod = {
        "serviceAccountName": _NAME,
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "tolerations": [{"operator": "Exists"}],
        "containers": [_container(image)],
        "volumes": [volume],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**_METADATA, "labels": _LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }


def _container(image: str) -> dict[str, object]:
    return {
        "name": _NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
