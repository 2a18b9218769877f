"""Which namespace this process belongs to."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["current_namespace", "pod_namespace"]

_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def pod_namespace() -> str | None:
    """The namespace of the pod that this runs in, or None outside one."""
    try:
        return _FILE.read_text().strip() or None
    except OSError:
        return None


def current_namespace() -> str:
    """PENSTOCK_NAMESPACE, else the pod's own, else "default"."""
    return os.environ.get("PENSTOCK_NAMESPACE") or pod_namespace() or "default"
