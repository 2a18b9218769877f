"""The images that a cluster without a registry can't pull: made here, from packages and builds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster import command, debian, digest, image_archive, progress
from local_cluster.binaries import Binaries
from local_cluster.errors import ClusterError
from local_cluster.image_archive import Settings
from local_cluster.state import Cache

_RECIPES = 1  # count up when a recipe below changes, so that the caches are left behind
_PYTHON_PACKAGES = ("python3", "python3-venv", "ca-certificates")
_REDIS_PACKAGES = ("redis-server",)
_REDIS_ENTRYPOINT = """\
#!/bin/sh
# As the public image has it: bare options are the server's, and other pods may connect.
[ "$1" = redis-server ] && shift
case "$1" in
  ""|-*) exec redis-server --protected-mode no "$@" ;;
  *.conf) exec redis-server "$@" ;;
  *) exec "$@" ;;
esac
"""
_COLLECTOR_CONFIGURATION = "/etc/otelcol-contrib/config.yaml"


@dataclass(frozen=True)
class BaseImage:
    """An image in the cache."""

    reference: str
    archive: Path
    facts: Mapping[str, str]


@dataclass(frozen=True)
class BaseImages:
    """All such images, each made when it's first asked for."""

    cache: Cache
    binaries: Binaries

    def pause(self) -> BaseImage:
        """What holds a pod's namespaces."""
        return self._program("pause", "pause", Settings(entrypoint=("/pause",)))

    def coredns(self) -> BaseImage:
        """The cluster's DNS."""
        return self._program("coredns", "coredns", Settings(entrypoint=("/coredns",)))

    def collector(self) -> BaseImage:
        """The OpenTelemetry Collector, laid out as its public image is."""
        run = Settings(
            user="10001:10001",
            entrypoint=("/otelcol-contrib",),
            command=("--config", _COLLECTOR_CONFIGURATION),
        )
        return self._program("otelcol", "otelcol-contrib", run)

    def python(self) -> BaseImage:
        """What the project's and its users' own images are built on."""
        run = Settings(user="0:0", command=("python3",))
        return self._system("python", _PYTHON_PACKAGES, run, _python_facts)

    def redis(self) -> BaseImage:
        """Redis, which takes the same arguments as the public image."""
        run = Settings(
            folder="/data",
            entrypoint=("/usr/local/bin/docker-entrypoint.sh",),
            command=("redis-server",),
        )
        return self._system("redis", _REDIS_PACKAGES, run, _finish_redis, _REDIS_ENTRYPOINT)

    def all(self) -> list[BaseImage]:
        """Those of them that are in the cache, for whoever builds on them."""
        folders = self.cache.folder("base-images").iterdir()
        return [_read(folder) for folder in folders if (folder / "image.json").is_file()]

    def _program(self, program: str, name: str, settings: Settings) -> BaseImage:
        path = self.binaries.path(program)
        key = digest.of_parts([path.parent.name, name, repr(settings), str(_RECIPES)])

        def fill(layer: Path, _: Path) -> Mapping[str, str]:
            image_archive.layer_of_program(path, name, layer)
            return {}

        return self._make(program, key, settings, fill)

    def _system(
        self,
        name: str,
        packages: tuple[str, ...],
        settings: Settings,
        finish: Callable[[Path], Mapping[str, str]],
        *scripts: str,
    ) -> BaseImage:
        parts = [debian.SUITE, *packages, repr(settings), str(_RECIPES), *scripts]
        key = digest.of_parts(parts)

        def fill(layer: Path, folder: Path) -> Mapping[str, str]:
            with progress.live(f"making the {name} image", "about 40 s, once"):
                debian.install(folder, packages, self.cache.folder("downloads"))
                facts = finish(folder)
                image_archive.layer_of_folder(folder, layer)
            return facts

        return self._make(name, key, settings, fill)

    def _make(
        self,
        name: str,
        key: str,
        settings: Settings,
        fill: Callable[[Path, Path], Mapping[str, str]],
    ) -> BaseImage:
        """Make it beside the cache and move it in, so that a crash leaves no half image."""
        home = self.cache.folder("base-images") / f"{name}-{key}"
        if home.is_dir():
            return _read(home)
        with self.cache.workbench() as folder:
            system, layer, made = (folder / part for part in ("system", "layer", "made"))
            system.mkdir()
            made.mkdir()
            facts = fill(layer, system)
            repository = f"localhost/penstock-{name}"
            reference = image_archive.write(made / "image.tar", repository, layer, settings)
            (made / "image.json").write_text(json.dumps({**facts, "reference": reference}))
            made.rename(home)
        return _read(home)


def _read(folder: Path) -> BaseImage:
    facts: dict[str, str] = json.loads((folder / "image.json").read_text())
    return BaseImage(facts.pop("reference"), folder / "image.tar", facts)


def _python_facts(system: Path) -> Mapping[str, str]:
    """The wheels that go into this image must be chosen for just this Python."""
    asked = "import platform; print(platform.python_version())"
    version = command.run(["chroot", system, "/usr/bin/python3", "-c", asked]).strip()
    if not version:
        raise ClusterError("the base image's Python doesn't tell its version: remove the cache")
    return {"python": version}


def _finish_redis(system: Path) -> Mapping[str, str]:
    """A folder for the data that any user may write to, and the entrypoint."""
    data = system / "data"
    data.mkdir()
    data.chmod(0o777)
    script = system / "usr" / "local" / "bin" / "docker-entrypoint.sh"
    script.write_text(_REDIS_ENTRYPOINT)
    script.chmod(0o755)
    return {}
