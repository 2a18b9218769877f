from __future__ import annotations

import pytest

from penstock.errors import ApiRefused
from penstock_operator.pools.complaints import TEMPLATE, deployment_complaint, namespace_complaint

HEAD = "failed to create typed patch object (shop/fast-workers; apps/v1, Kind=Deployment): "


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (
            f"{HEAD}.spec.template.spec.tolerationz: field not declared in schema",
            f"spec.template.spec.tolerationz: field not declared in schema: {TEMPLATE}",
        ),
        (
            f"{HEAD}errors:\n  .spec.template.a: no such field\n  .spec.template.b: expected string",
            f"spec.template.a: no such field; spec.template.b: expected string: {TEMPLATE}",
        ),
        ("spec.template.spec.volumes[1]: Required value", "spec.template.spec.volumes[1]: Required value"),
    ],
    ids=["one", "two", "another kind"],
)
def test_fields_are_named_as_in_the_pool(message: str, complaint: str) -> None:
    assert deployment_complaint(ApiRefused(500, "", message)) == complaint


def test_what_a_namespace_may_not_have() -> None:
    said = namespace_complaint(ApiRefused(403, "Forbidden", "exceeded quota: small"))
    assert said == "the workers' Secret, ServiceAccount and RoleBinding can't be made: exceeded quota: small"


@pytest.mark.parametrize(
    ("status", "message", "passing"),
    [(500, HEAD + "x", False), (500, "etcd", True), (503, HEAD, True), (422, "x", False)],
)
def test_only_the_server_s_own_troubles_pass(status: int, message: str, passing: bool) -> None:
    assert ApiRefused(status, "", message).passing is passing
