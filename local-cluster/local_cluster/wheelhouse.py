"""A folder of wheels from which an image can be built without a package index."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from local_cluster import command, digest, progress
from local_cluster.errors import ClusterError
from local_cluster.markers import environment_of, holds

_COMPLETE = ".complete"
_OLDEST_C_LIBRARY, _NEWEST_C_LIBRARY = 5, 36  # glibc 2.36 is that of the base image


def fill(folder: Path, requirements: Path, python: str) -> bool:
    """Download what the requirements ask of that Python; tell whether there was need to."""
    kept = flatten(requirements.read_text(), python)
    stamp = digest.of_parts([*kept, python, platform.machine()])
    if (folder / _COMPLETE).is_file() and (folder / _COMPLETE).read_text() == stamp:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        with progress.live(f"downloading {len(kept)} wheels", "about 20 s, when the lock changes"):
            _download(Path(unfinished), kept, python)
        (Path(unfinished) / _COMPLETE).write_text(stamp)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(unfinished, folder)
    return True


def flatten(text: str, python: str) -> list[str]:
    """The requirements whose markers hold for that Python, each on one line, without marker."""
    environment = environment_of(python)
    kept: list[str] = []
    for line in _logical_lines(text):
        requirement, _, hashes = line.partition(" --hash=")
        name, semicolon, marker = requirement.partition(";")
        if not semicolon or holds(marker, environment):
            kept.append(f"{name.strip()} --hash={hashes}" if hashes else name.strip())
    return kept


def _logical_lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        content = " ".join(line.split(" #")[0].split())
        if content.startswith("-"):
            raise ClusterError(f"can't use {content!r} in a lock: list the requirements themselves")
        if content and not content.startswith("#"):
            yield content


def _download(folder: Path, requirements: list[str], python: str) -> None:
    """No dependencies are resolved: the lock has them all, and pip would ask its own Python."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        what = ["--no-deps", "--only-binary=:all:", f"--requirement={listed.name}"]
        command.run([*pip, *what, f"--dest={folder}", *_target(python)])


def _target(python: str) -> list[str]:
    machine = platform.machine()
    libraries = range(_NEWEST_C_LIBRARY, _OLDEST_C_LIBRARY - 1, -1)
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in libraries]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    version = ".".join(python.split(".")[:2])
    chosen = ["--implementation=cp", f"--python-version={version}"]
    return chosen + [f"--platform={name}" for name in platforms]
