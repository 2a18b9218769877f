"""A cluster that someone else runs, by its context's name in the user's kubeconfig."""

import os
from dataclasses import dataclass
from pathlib import Path

from local_cluster import command, progress
from local_cluster.build import Build
from local_cluster.errors import ClusterError
from local_cluster.providers.contract import Images, public_images


@dataclass(frozen=True)
class ExistingContext:
    """Used as it is, and left as it is."""

    context: str

    def up(self, kubeconfig: Path) -> None:
        """Write a kubeconfig of that context alone."""
        content = self._kubectl("config", "view", "--minify", "--flatten")
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(content)
        if trouble := self.trouble():
            raise ClusterError(trouble)
        progress.say(f"using the existing context {self.context}")

    def down(self) -> None:
        """It's not ours to remove."""
        progress.say(f"the existing context {self.context} is left alone")

    def trouble(self) -> str:
        """What is wrong with it."""
        if command.succeeds(self._line("get", "--raw", "/readyz")):
            return ""
        return f"the API server of context {self.context} doesn't answer: check it with kubectl"

    def build(self, build: Build) -> str:
        """Build with Docker, and push to where the cluster can pull from."""
        registry = os.environ.get("PENSTOCK_IMAGE_REGISTRY")
        if not registry:
            raise ClusterError(
                "PENSTOCK_IMAGE_REGISTRY is not set: name a registry that you can push to and"
                f" that the cluster of context {self.context} can pull from"
            )
        reference = f"{registry.rstrip('/')}/{build.tag}"
        with progress.live(f"building and pushing {reference}", "seconds to minutes"):
            command.run(["docker", "build", f"--tag={reference}", *build.options])
            command.run(["docker", "push", "--quiet", reference])
        return reference

    def images(self) -> Images:
        """It pulls what it needs."""
        return public_images()

    def _kubectl(self, *arguments: str) -> str:
        return command.run(self._line(*arguments))

    def _line(self, *arguments: str) -> list[str]:
        return ["kubectl", f"--context={self.context}", "--request-timeout=10s", *arguments]
