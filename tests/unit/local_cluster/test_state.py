"""Everything of a cluster follows from its name."""

import os
from pathlib import Path

import pytest

from local_cluster.errors import ClusterError
from local_cluster.exclusive import alone_with
from local_cluster.state import Cache, ClusterState


def test_names_follow_from_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path))
    state = ClusterState.of("demo")
    assert state.root == tmp_path / "demo"
    assert state.node_name == "penstock-demo"
    assert len(state.link) <= 15
    assert state.link != ClusterState.of("test").link


@pytest.mark.parametrize("name", ["", "Demo", "../demo", "-demo", "demo-", "d" * 25])
def test_odd_names_are_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="can't name a cluster"):
        ClusterState.of(name)


def test_folders_that_the_node_could_not_see_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STATE", "/var/lib/penstock")
    with pytest.raises(ClusterError, match="PENSTOCK_STATE"):
        ClusterState.of("demo")


def test_the_cache_goes_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PENSTOCK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.of_this_user().root == tmp_path / "penstock"
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "mine"))
    assert Cache.of_this_user().root == tmp_path / "mine"


def test_what_crashed_builds_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    crashed = cache.folder("unfinished") / "99999999-left"
    alive = cache.folder("unfinished") / f"{os.getpid()}-mine"
    crashed.mkdir()
    alive.mkdir()
    with cache.workbench() as bench:
        assert bench.is_dir()
        assert not crashed.exists()
        assert alive.exists()
    assert not bench.exists()


def test_one_command_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PENSTOCK_STATE", str(tmp_path))
    with alone_with(ClusterState.of("demo")):
        with pytest.raises(ClusterError, match="another command"), alone_with(ClusterState.of("demo")):
            pass
        with alone_with(ClusterState.of("test")):
            pass
    with alone_with(ClusterState.of("demo")):
        pass
