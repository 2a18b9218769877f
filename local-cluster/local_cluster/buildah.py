"""Image builds without a daemon, kept by the hash of what they were built from."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from local_cluster import command, progress
from local_cluster.base_images import BaseImages
from local_cluster.build import Build
from local_cluster.images import whole_reference
from local_cluster.state import Cache


@dataclass(frozen=True)
class BuiltImage:
    """An image in the cache: its archive, and what tells it from others of its name."""

    archive: Path
    identity: str


@dataclass(frozen=True)
class Buildah:
    """Buildah with a storage of its own in the cache."""

    cache: Cache
    base_images: BaseImages

    def build(self, build: Build) -> BuiltImage:
        """Build the image, unless its archive is there."""
        known = self._known(build.bases)
        key = build.key({base: image.identity for base, image in known.items()})
        archive = self._folder(build.tag) / f"{key}.tar"
        if not archive.is_file():
            with progress.live(f"building image {build.tag}", "seconds to a minute"), self._alone():
                self._run("rm", "--all")  # what a killed build left
                for base, image in known.items():
                    self._bring(base, image)
                self._build(build, archive)
                self._note(build.tag, key)
        return BuiltImage(archive, key)

    def _build(self, build: Build, archive: Path) -> None:
        """Only the newest archive of a tag stays: they are large."""
        self._run("bud", "--layers", "--force-rm", f"--tag={build.tag}", *build.options)
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        name = whole_reference(build.tag)
        self._run("push", "--quiet", build.tag, f"docker-archive:{unfinished}:{name}")
        for old in archive.parent.glob("*.tar"):
            old.unlink()
        unfinished.rename(archive)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for other builds to end; the kernel ends the wait if they crash."""
        with (self.cache.folder("storage") / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _known(self, bases: list[str]) -> dict[str, BuiltImage]:
        """Those of the bases that were made here, so that no registry has them."""
        made = {image.reference: BuiltImage(image.archive, image.reference) for image in self.base_images.all()}
        for base in bases:
            for archive in self._folder(base).glob("*.tar"):
                made[base] = BuiltImage(archive, archive.stem)
        return {base: made[base] for base in bases if base in made}

    def _bring(self, reference: str, image: BuiltImage) -> None:
        """Have the storage hold the base, which a cleared or older storage may lack."""
        if self._held().get(reference) == image.identity and self._has(reference):
            return
        self._run("pull", "--quiet", f"docker-archive:{image.archive}")
        self._note(reference, image.identity)

    def _held(self) -> dict[str, str]:
        """What the storage holds under each name, as far as we brought or built it."""
        note = self.cache.folder("storage") / "held.json"
        held: dict[str, str] = json.loads(note.read_text()) if note.is_file() else {}
        return held

    def _note(self, reference: str, identity: str) -> None:
        note = self.cache.folder("storage") / "held.json"
        note.write_text(json.dumps({**self._held(), reference: identity}))

    def _has(self, reference: str) -> bool:
        return command.succeeds([*self._program(), "inspect", "--type", "image", reference])

    def _folder(self, tag: str) -> Path:
        return self.cache.root / "images" / quote(whole_reference(tag), safe="")

    def _run(self, *arguments: str) -> str:
        environment = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": self._driver()}
        return command.run([*self._program(), *arguments], environment=environment)

    def _program(self) -> list[str]:
        """Buildah in mounts of its own, so that a killed build leaves none."""
        storage = self.cache.folder("storage")
        run = storage / "run"
        run.mkdir(exist_ok=True)
        hidden = ["unshare", "--mount", "--propagation", "private", "--"]
        script = 'mount -t tmpfs tmpfs "$1" && exec buildah --runroot "$@"'
        return [*hidden, "sh", "-c", script, "buildah", f"{run}", "--root", f"{storage / 'root'}"]

    def _driver(self) -> str:
        """Overlay is many times faster, but can't lie on another overlay."""
        kind = command.run(["stat", "--file-system", "--format=%T", self.cache.root]).strip()
        return "vfs" if kind == "overlayfs" else "overlay"
