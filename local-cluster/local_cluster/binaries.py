"""The Go programs that a cluster is made of, built once and cached by content."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_cluster import command, digest, progress
from local_cluster.errors import ClusterError
from local_cluster.state import Cache

_MODULES = Path(__file__).parents[1] / "go"
_KUBERNETES = "1.35.4"
_HELM = "4.3.1"


def _kubernetes_flags() -> str:
    """What the official builds stamp in too: clients compare these versions."""
    major, minor, _ = _KUBERNETES.split(".")
    values = {"gitVersion": f"v{_KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={values[key]}" for package in packages for key in values)


@dataclass(frozen=True)
class Module:
    """A folder of go/ and the programs that come out of it, each with its Go package."""

    folder: str
    programs: Mapping[str, str]
    expectation: str
    flags: str = ""
    manifest: str = ""

    def key(self) -> str:
        """Names one build: other sources, flags or compiler give another."""
        source = _MODULES / self.folder
        files = [file for file in source.rglob("*") if file.is_file()]
        compiler = command.run(["go", "env", "GOVERSION", "GOOS", "GOARCH"], folder=source)
        content = digest.of_files(source, files)
        return digest.of_parts([content, self.flags, self.manifest, compiler])


_KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
_ALL = (
    Module("pause", {"pause": "."}, "a few seconds, once"),
    Module("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}, "about 30 s, once"),
    Module("coredns", {"coredns": "."}, "about 1 min, once"),
    Module(
        "kubernetes",
        {program: f"k8s.io/kubernetes/cmd/{program}" for program in _KUBERNETES_PROGRAMS},
        "about 5 min, once",
        flags=_kubernetes_flags(),
    ),
    Module(
        "helm",
        {"helm": "helm.sh/helm/v4/cmd/helm"},
        "about 2 min, once",
        flags=f"-X helm.sh/helm/v4/internal/version.version=v{_HELM}",
    ),
    Module("collector", {"otelcol": ""}, "about 1 min, once", manifest="manifest.yaml"),
)
PROGRAMS = tuple(program for module in _ALL for program in module.programs)
NODE_PROGRAMS = ("pause", "etcd", "coredns", *_KUBERNETES_PROGRAMS)


@dataclass(frozen=True)
class Binaries:
    """Programs that are built where they are missing."""

    cache: Cache
    _keys: dict[str, str] = field(default_factory=dict)

    def need(self, programs: Iterable[str]) -> None:
        """Build those of the programs that the cache lacks."""
        wanted = set(programs)
        if unknown := wanted - set(PROGRAMS):
            raise ClusterError(f"no such program: {unknown}; there are {', '.join(PROGRAMS)}")
        for module in _ALL:
            missing = [
                program
                for program in module.programs
                if program in wanted and not (self._home(module) / program).is_file()
            ]
            if missing:
                self._build(module, missing)

    def path(self, program: str) -> Path:
        """Where a program is, built if need be."""
        self.need([program])
        module = next(module for module in _ALL if program in module.programs)
        return self._home(module) / program

    def shelf(self, programs: Iterable[str]) -> Path:
        """A folder with all of the programs, for PATH."""
        names = list(programs)
        self.need(names)
        paths = [self.path(name) for name in names]
        shelf = self.cache.folder("tools") / digest.of_parts(str(path) for path in sorted(paths))
        shelf.mkdir(exist_ok=True)
        for path in paths:
            if not (shelf / path.name).exists():
                (shelf / path.name).unlink(missing_ok=True)
                (shelf / path.name).symlink_to(path)
        return shelf

    def _home(self, module: Module) -> Path:
        if module.folder not in self._keys:
            self._keys[module.folder] = module.key()
        return self.cache.folder("binaries") / f"{module.folder}-{self._keys[module.folder]}"

    def _build(self, module: Module, programs: list[str]) -> None:
        """Build beside the cache and move in, so that an interrupted build leaves nothing."""
        home = self._home(module)
        with self.cache.workbench() as folder:
            with progress.live(f"building {module.folder}", module.expectation):
                if module.manifest:
                    _build_collector(module, folder)
                else:
                    _build_programs(module, programs, folder)
            home.mkdir(exist_ok=True)
            for program in programs:
                (folder / program).replace(home / program)


def _build_programs(module: Module, programs: list[str], folder: Path) -> None:
    packages = [module.programs[program] for program in programs]
    _go_build(_MODULES / module.folder, folder / "out", module.flags, packages)
    for program, package in zip(programs, packages, strict=True):
        built = program if package == "." else _program_of(package)
        shutil.move(folder / "out" / built, folder / program)


def _program_of(package: str) -> str:
    """The name that Go gives a program: the last part that is no version."""
    parts = package.split("/")
    return parts[-2] if parts[-1].startswith("v") and parts[-1][1:].isdigit() else parts[-1]


def _build_collector(module: Module, folder: Path) -> None:
    """The collector's own builder writes the sources from a manifest, and we build them."""
    source = _MODULES / module.folder
    _go_build(source, folder / "builder", "", ["tool"])
    (builder,) = (folder / "builder").iterdir()
    command.run([builder, "--skip-compilation", "--config", source / module.manifest], folder=folder)
    sources = folder / "sources"
    _go_build(sources, folder / "out", module.flags, ["."])
    (program,) = module.programs
    next((folder / "out").iterdir()).replace(folder / program)


def _go_build(source: Path, out: Path, flags: str, packages: list[str]) -> None:
    out.mkdir()
    options = ["-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", f"{out}{os.sep}"]
    command.run(["go", "build", *options, *packages], folder=source, environment={"CGO_ENABLED": "0"})
