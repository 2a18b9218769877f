"""Merging a partial pod template over ours, as `kubectl patch --type strategic` would: maps by key, the lists of a pod
that have a merge key by that key, all else replaced; null removes. (Kubernetes, "Strategic Merge Patch": the merge
keys are those of the pod's Go types.)"""

from __future__ import annotations

from typing import Any

__all__ = ["merge"]

Json = Any  # what JSON holds; a pod template is opaque here

# List field → the key that identifies an entry.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}


def merge(base: Json, change: Json, field: str = "") -> Json:
    """`change` over `base`; neither is altered."""
    if isinstance(base, dict) and isinstance(change, dict):
        return _merge_maps(base, change)
    key = MERGE_KEYS.get(field)
    if key and isinstance(base, list) and isinstance(change, list):
        return _merge_lists(base, change, key)
    return change


def _merge_maps(base: dict[str, Json], change: dict[str, Json]) -> dict[str, Json]:
    merged = dict(base)
    for field, value in change.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = merge(merged.get(field), value, field)
    return merged


def _merge_lists(base: list[Json], change: list[Json], key: str) -> list[Json]:
    merged = {_identity(entry, key): entry for entry in base}
    for entry in change:
        name = _identity(entry, key)
        merged[name] = merge(merged.get(name), entry)
    return list(merged.values())


def _identity(entry: Json, key: str) -> str:
    """Whatever the key's value is: one that no pod may have is for the API server to refuse."""
    return f"{key}: {entry.get(key)!r}" if isinstance(entry, dict) else repr(entry)
