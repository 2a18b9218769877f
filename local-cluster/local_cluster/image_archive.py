"""Images of one layer, written as the archives that every container tool reads."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_cluster import command, digest

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Settings:
    """What a container of the image runs, and as whom."""

    user: str = "65532:65532"
    folder: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def document(self, layer: str) -> bytes:
        """The image's configuration; the image's id is this text's hash."""
        variables = [_PATH, *(f"{key}={value}" for key, value in self.environment.items())]
        run = {
            "User": self.user,
            "WorkingDir": self.folder,
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": variables,
        }
        content = {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": _EPOCH,
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
            "history": [{"created": _EPOCH, "created_by": "local-cluster"}],
        }
        return json.dumps(content, sort_keys=True).encode()


def write(archive: Path, repository: str, layer: Path, settings: Settings) -> str:
    """Write the archive, and return the reference that names its content."""
    layer_digest = digest.of_file(layer)
    document = settings.document(layer_digest)
    image = hashlib.sha256(document).hexdigest()
    reference = f"{repository}:{image[:12]}"
    listed = {
        "Config": f"{image}.json",
        "RepoTags": [reference],
        "Layers": [f"{layer_digest}.tar"],
    }
    with tarfile.open(archive, "w") as tar:
        _add(tar, "manifest.json", json.dumps([listed]).encode())
        _add(tar, f"{image}.json", document)
        tar.add(layer, f"{layer_digest}.tar", recursive=False)
    return reference


def layer_of_program(program: Path, name: str, layer: Path) -> None:
    """A layer that holds one program and nothing else, always with the same hash."""
    with tarfile.open(layer, "w") as tar:
        member = tar.gettarinfo(program.resolve(), name)
        member.mtime, member.mode = 0, 0o755
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        with program.open("rb") as stream:
            tar.addfile(member, stream)


def layer_of_folder(folder: Path, layer: Path) -> None:
    """A layer that holds a whole system, but for what the kernel shows in it."""
    hidden = [f"--exclude=./{kernel}/*" for kernel in ("dev", "proc", "sys", "run")]
    what = [*hidden, f"--directory={folder}", "."]
    command.run(["tar", "--create", f"--file={layer}", "--numeric-owner", "--sort=name", *what])


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
