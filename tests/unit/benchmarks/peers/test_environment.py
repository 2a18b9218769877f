"""With a stand-in for uv that only notes what it is asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.peers.environment import FILES, FOLDERS, make
from benchmarks.peers.systems import OWN

UV = """#!/bin/sh
cd "${0%/*}"
echo "$@" >> asked
case "$1 $2" in
  "venv "*) for last; do :; done; mkdir -p "$last" ;;
  "pip install") test ! -e refused || { echo "no network" >&2; exit 2; } ;;
  "pip freeze") printf 'redis==5.2.1\\npenstock @ file:///somewhere\\n' ;;
esac
"""


@dataclass(frozen=True)
class Bench:
    """A checkout, and the tools beside a Python."""

    source: Path
    tools: Path

    def write(self, name: str, text: str = "") -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def built(self) -> int:
        """How many environments."""
        return len([line for line in self.asked() if line.startswith("venv")])

    def asked(self) -> list[str]:
        return (self.tools / "asked").read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    found = Bench(tmp_path / "source", tmp_path / "tools")
    for name in (*FILES, *(f"{folder}/package/__init__.py" for folder in FOLDERS)):
        found.write(name)
    found.tools.mkdir()
    (found.tools / "uv").write_text(UV)
    (found.tools / "uv").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(found.tools / "python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return found


def test_an_environment_is_made_once(bench: Bench, tmp_path: Path) -> None:
    first, second = make(OWN, bench.source), make(OWN, bench.source)
    assert first == second
    assert first.root.parent == tmp_path / "cache" / "penstock" / "bench"
    assert first.scripts == first.root / "bin"
    assert bench.built() == 1


def test_penstock_is_installed_with_what_it_is_locked_to(bench: Bench) -> None:
    make(OWN, bench.source)
    locked, own = [line for line in bench.asked() if line.startswith("pip install")]
    assert locked.endswith(f"--requirement {bench.source}/requirements.lock")
    assert own.endswith(f"--no-deps --no-build-isolation --reinstall-package penstock {bench.source}")


@pytest.mark.parametrize("name", [*FILES, "sdk/package/__init__.py", "worker-image/package/new.py"])
def test_another_state_of_the_checkout_gets_another_and_the_old_one_goes(bench: Bench, name: str) -> None:
    old = make(OWN, bench.source)
    bench.write(name, "changed")
    new = make(OWN, bench.source)
    assert new.root != old.root
    assert (old.root.exists(), new.root.exists()) == (False, True)


def test_a_file_that_moved_is_another_state(bench: Bench) -> None:
    bench.write("sdk/package/one/module.py", "x = 1")
    old = make(OWN, bench.source)
    (bench.source / "sdk/package/one").rename(bench.source / "sdk/package/two")
    assert make(OWN, bench.source).root != old.root


def test_what_python_leaves_and_what_is_not_installed_changes_nothing(bench: Bench) -> None:
    old = make(OWN, bench.source)
    bench.write("sdk/package/__pycache__/module.pyc", "compiled")
    bench.write("docs/index.md", "text")
    assert make(OWN, bench.source).root == old.root


def test_a_peer_depends_on_its_requirements_alone(bench: Bench) -> None:
    arq, saq = make("arq", bench.source), make("saq", bench.source)
    bench.write("sdk/package/__init__.py", "changed")
    assert make("arq", bench.source).root == arq.root
    assert saq.root.exists()
    assert bench.built() == 2


def test_a_failed_installation_says_why_and_is_begun_anew(bench: Bench) -> None:
    (bench.tools / "refused").touch()
    with pytest.raises(RuntimeError, match=r"uv pip install failed:\nno network"):
        make("arq", bench.source)
    (bench.tools / "refused").unlink()
    assert make("arq", bench.source).root.exists()
    assert bench.built() == 2


def test_packages_are_told_with_their_versions(bench: Bench) -> None:
    assert make(OWN, bench.source).packages == {"redis": "5.2.1", "penstock": "of this checkout"}
