"""One virtual environment a system, outside the checkout, made anew when what it should hold has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.systems import OWN

__all__ = ["Environment", "make"]

REQUIREMENTS = Path(__file__).parent / "requirements"
MARK = "ready"  # the file that is there once everything is installed
INSTALL_SECONDS = 600
FOLDERS = ("sdk", "operator", "worker-image")  # what Penstock's distribution is built of
FILES = ("pyproject.toml", "requirements.lock")


@dataclass(frozen=True)
class Environment:
    """An environment that is ready. `packages` has the version of each installed package."""

    root: Path
    packages: dict[str, str]

    @property
    def scripts(self) -> Path:
        """The folder with `python` and the systems' commands."""
        return self.root / "bin"


def make(system: str, source: Path) -> Environment:
    """The system's environment, with this interpreter's Python; Penstock's holds the checkout `source`."""
    root = _home() / f"{system}-{_digest(system, source)}"
    if not (root / MARK).exists():
        print(f"  building the environment of {system}", flush=True)
        _build(root, system, source)
    return Environment(root, _packages(root))


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "penstock" / "bench"


def _digest(system: str, source: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    root, paths = (source, _contents(source)) if system == OWN else (REQUIREMENTS, [_requirements(system)])
    for path in paths:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _contents(source: Path) -> Iterator[Path]:
    yield from (source / name for name in FILES)
    for folder in FOLDERS:
        yield from (p for p in sorted((source / folder).rglob("*")) if p.is_file() and "__pycache__" not in p.parts)


def _requirements(system: str) -> Path:
    return REQUIREMENTS / f"{system}.txt"


def _build(root: Path, system: str, source: Path) -> None:
    for stale in root.parent.glob(f"{system}-*"):
        shutil.rmtree(stale)
    _uv("venv", "--python", sys.executable, str(root))
    install = ("pip", "install", "--compile-bytecode", "--python", str(root / "bin" / "python"))
    if system == OWN:
        _uv(*install, "--requirement", str(source / "requirements.lock"))
        # uv would take the build of an earlier state of the same folder.
        _uv(*install, "--no-deps", "--no-build-isolation", "--reinstall-package", OWN, str(source))
    else:
        _uv(*install, "--requirement", str(_requirements(system)))
    (root / MARK).touch()


def _packages(root: Path) -> dict[str, str]:
    listed = _uv("pip", "freeze", "--python", str(root / "bin" / "python"))
    found = (line.partition(" @ ")[0].partition("==") for line in listed.splitlines())
    return {name: version or "of this checkout" for name, _, version in found}


def _uv(*words: str) -> str:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    done = subprocess.run([uv, *words], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(words[:2])} failed:\n{done.stderr}")
    return done.stdout
