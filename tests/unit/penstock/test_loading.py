from __future__ import annotations

import re
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


@pytest.fixture
def shop(folder: Path) -> Path:
    package = folder / "loadable_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text('from penstock import Penstock\n\ncelery_app = Penstock("shop")\nnumber = 1\n')
    return folder


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("loadable_shop.task:app", "did you mean 'loadable_shop.tasks'?"),
        ("loadable_shap.tasks:app", "did you mean 'loadable_shop'?"),
        ("loadable_shop.tasks:app", "no Penstock object named 'app'; there is 'celery_app'"),
        ("loadable_shop.tasks:number", "named 'number': it is of type int; there is 'celery_app'"),
        ("loadable_shop:app", "no Penstock object named 'app'"),
    ],
)
def test_what_is_nearly_right_is_told(shop: Path, target: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load_app(target)


@pytest.mark.parametrize("target", ["shop/tasks.py:app", "shop.tasks:app()", ".tasks:app", "a..b:c", "a b:c", "a\0b:c"])
def test_what_is_no_name_says_how_to(folder: Path, target: str) -> None:
    with pytest.raises(ConfigurationError, match="write MODULE:ATTRIBUTE"):
        load_app(target)


def test_where_an_import_failed_is_told(folder: Path) -> None:
    (folder / "loadable_inner.py").write_text("\nimport no_such_dependency\n")
    (folder / "loadable_outer.py").write_text("import loadable_inner\n")
    with pytest.raises(ConfigurationError, match=r"no_such_dependency.*, imported by .*loadable_inner\.py:2$"):
        load_app("loadable_outer:app")


def test_what_a_module_raises_goes_through(folder: Path) -> None:
    (folder / "loadable_raises.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_app("loadable_raises:app")


def test_a_module_that_ends_the_program_is_told(folder: Path) -> None:
    (folder / "loadable_script.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ConfigurationError, match=r"ended the program when it was imported \(SystemExit\(3\)\)"):
        load_app("loadable_script:app")
