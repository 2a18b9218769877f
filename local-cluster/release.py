"""Penstock on a cluster of that name: the cluster, the images built from this checkout, the chart installed.

python3 -m release up --name demo --kubeconfig build/kubeconfig     (what `make demo` and `make test` begin with)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster import command, progress, providers, wheelhouse
from local_cluster.base_images import BaseImages
from local_cluster.binaries import Binaries
from local_cluster.build import Build
from local_cluster.errors import ClusterError
from local_cluster.providers import Images, Provider
from local_cluster.state import Cache

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "penstock-system"
DOCKERFILES = {"operator": "operator/Dockerfile", "worker": "worker-image/Dockerfile"}
INSTALL_TIMEOUT = "180s"


@dataclass(frozen=True)
class Checkout:
    """This checkout's images on one cluster."""

    provider: Provider
    third_party: Images

    def build(self, name: str) -> str:
        """Build the operator's or the worker's image; the reference to use."""
        if not self.third_party.pull:
            wheels(ROOT / "build/wheels", ROOT / "requirements.lock")
        arguments = {"BASE": self.third_party.references["python"], **self._offline()}
        return self._build(f"penstock-{name}", ROOT / DOCKERFILES[name], ROOT, arguments)

    def build_app(self, folder: Path, worker: str) -> str:
        """Build a user's image on top of the worker's."""
        if not self.third_party.pull:
            wheels(folder / "wheels", folder / "requirements.txt")
        return self._build(f"{folder.name}-worker", folder / "Dockerfile", folder, {"BASE": worker, **self._offline()})

    def _offline(self) -> Mapping[str, str]:
        return {} if self.third_party.pull else {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/src/wheels"}

    def _build(self, name: str, dockerfile: Path, context: Path, arguments: Mapping[str, str]) -> str:
        # The tag names the content: a changed image is a changed pod template, so it is rolled out.
        pairs = [f"{key}={value}" for key, value in arguments.items()]
        content = Build.asked(name, dockerfile, context, pairs).key({})[:12]
        return self.provider.build(Build.asked(f"localhost/{name}:{content}", dockerfile, context, pairs))


def wheels(folder: Path, requirements: Path) -> None:
    """For builds that reach no package index: fill a folder with what they need."""
    cache = Cache.of_this_user()
    python = BaseImages(cache, Binaries(cache)).python().facts["python"]
    wheelhouse.fill(folder, requirements, python)


def values(images: Images, built: Mapping[str, str]) -> dict[str, object]:
    """The chart's values for these images."""

    def image(reference: str) -> dict[str, object]:
        repository, _, tag = reference.rpartition(":")
        return {"image": {"repository": repository, "tag": tag}}

    return {
        "operator": image(built["operator"]),
        "worker": image(built["worker"]),
        "redis": image(images.references["redis"]),
        "collector": image(images.references["collector"]),
    }


def up(name: str, kubeconfig: Path) -> None:
    """1. the cluster, 2. the images, 3. the chart."""
    provider = providers.choose(name, install=True)
    provider.up(kubeconfig)
    images = provider.images()
    checkout = Checkout(provider, images)
    built = {image: checkout.build(image) for image in DOCKERFILES}
    facts = {"references": dict(images.references), "pull": images.pull, "built": built}
    folder = kubeconfig.parent / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images.json").write_text(json.dumps(facts, indent=2))
    (folder / "values.json").write_text(json.dumps(values(images, built), indent=2))
    install(folder / "values.json", kubeconfig)


def install(values_file: Path, kubeconfig: Path) -> None:
    """Install the chart, or upgrade what is there."""
    progress.say("installing the chart")
    command.run(
        [
            *(program("helm"), "upgrade", "--install", "penstock", ROOT / "charts/penstock"),
            *("--namespace", NAMESPACE, "--create-namespace", "--values", values_file),
            *("--wait", "--timeout", INSTALL_TIMEOUT),
        ],
        environment={"KUBECONFIG": str(kubeconfig)},
    )
    progress.say("Penstock is installed")


def app(name: str, kubeconfig: Path, folder: Path) -> str:
    """Build an application's image into the cluster; its reference."""
    built = json.loads((kubeconfig.parent / name / "images.json").read_text())
    checkout = Checkout(providers.choose(name), Images(built["references"], built["pull"]))
    return checkout.build_app(folder, built["built"]["worker"])


def program(name: str) -> str:
    """helm or kubectl: our own build where there is one, else the user's."""
    if os.environ.get("PENSTOCK_KUBECONTEXT") and (found := shutil.which(name)):
        return found
    return str(Binaries(Cache.of_this_user()).shelf([name]) / name)


def main() -> int:
    """Run one command; a failure is one message and exit code 1."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("command", choices=["up", "app"])
    parser.add_argument("--name", required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="app: the folder with its Dockerfile")
    options = parser.parse_args()
    kubeconfig = options.kubeconfig.resolve()
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    try:
        if options.command == "up":
            up(options.name, kubeconfig)
        else:
            print(app(options.name, kubeconfig, options.folder.resolve()))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
