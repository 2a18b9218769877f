from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import ConfigurationError
from penstock.loading import load_app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_app_is_found_in_the_working_directory(folder: Path) -> None:
    (folder / "loadable").mkdir()
    (folder / "loadable" / "tasks.py").write_text('from penstock import Penstock\n\napp = Penstock("loadable")\n')
    assert load_app("loadable.tasks:app").name == "loadable"


@pytest.mark.parametrize("target", ["", "shop", "shop:", ":app", "shop.tasks"])
def test_what_names_no_app_says_how_to(folder: Path, target: str) -> None:
    with pytest.raises(ConfigurationError, match="write MODULE:ATTRIBUTE"):
        load_app(target)


def test_a_missing_module_is_named_and_where_it_was_looked_for(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"can't import no_such_module: .*{folder.name}"):
        load_app("no_such_module:app")


def test_an_import_that_fails_inside_the_module_is_told(folder: Path) -> None:
    (folder / "loadable_broken.py").write_text("import no_such_dependency\n")
    with pytest.raises(ConfigurationError, match="no_such_dependency"):
        load_app("loadable_broken:app")


@pytest.mark.parametrize("attribute", ["missing", "number"])
def test_what_is_no_app_is_told(folder: Path, attribute: str) -> None:
    (folder / "loadable_other.py").write_text("number = 1\n")
    with pytest.raises(ConfigurationError, match=f"no Penstock object named '{attribute}'"):
        load_app(f"loadable_other:{attribute}")


def test_the_path_does_not_grow(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            load_app("no_such_module:app")
    assert sys.path.count(str(folder)) == 1
