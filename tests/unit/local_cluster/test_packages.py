"""All that's missing is told at once, each with its remedy."""

from local_cluster.packages import Machine, explain


def test_a_bare_machine() -> None:
    found = Machine("Darwin", is_root=False, has=lambda _: False).shortcomings()
    assert len(found) == 4
    text = explain(found)
    for word in ("Linux", "root", "Go ", "apt-get install", "containerd", "debootstrap", "PENSTOCK_KUBECONTEXT"):
        assert word in text


def test_only_the_packages_that_are_missing() -> None:
    machine = Machine("Linux", is_root=True, has=lambda need: need not in ("buildah", "runc"))
    assert machine.missing_packages() == ["buildah", "runc"]
    assert machine.shortcomings() == ["Debian packages: apt-get install --no-install-recommends buildah runc"]


def test_a_machine_that_has_all() -> None:
    assert Machine("Linux", is_root=True, has=lambda _: True).shortcomings() == []
