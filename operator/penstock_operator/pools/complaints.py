"""What the API server has against a pool's Deployment, in the words of the pool's own spec. Pure."""

from __future__ import annotations

import re

from penstock.errors import ApiRefused

__all__ = ["deployment_complaint", "namespace_complaint"]

# Server-side apply names the fields that it doesn't know, or of another type: one after the colon, more a line each.
_TYPED = re.compile(r"failed to create typed \w+ object \([^)]*\): (?:errors:)?(.*)", re.DOTALL)
TEMPLATE = "write spec.template like a Deployment's; see kubectl explain deployment.spec.template"


def deployment_complaint(error: ApiRefused) -> str:
    """Its template is the pool's, so fields have the same path."""
    found = _TYPED.match(error.message)
    if found is None:
        return error.message
    fields = [line.strip().removeprefix(".") for line in found[1].splitlines() if line.strip()]
    return f"{'; '.join(fields)}: {TEMPLATE}"


def namespace_complaint(error: ApiRefused) -> str:
    """What keeps its namespace from being given what workers need."""
    return f"the workers' Secret, ServiceAccount and RoleBinding can't be made: {error.message}"
