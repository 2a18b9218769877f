"""A cluster in Docker containers, by kind."""

from dataclasses import dataclass
from pathlib import Path

from local_cluster import command, progress
from local_cluster.build import Build
from local_cluster.providers.contract import Images, public_images

_READY_WITHIN = "120s"


@dataclass(frozen=True)
class Kind:
    """The cluster of that name in kind's own list."""

    name: str

    def up(self, kubeconfig: Path) -> None:
        """Keep a healthy one, or make one."""
        if self._exists() and self.trouble():
            progress.say(f"removing the broken kind cluster {self.name}")
            self.down()
        if not self._exists():
            with progress.live(f"creating kind cluster {self.name}", "about 1 min"):
                options = [f"--name={self.name}", f"--wait={_READY_WITHIN}", f"--kubeconfig={kubeconfig}"]
                command.run(["kind", "create", "cluster", *options])
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(command.run(["kind", "get", "kubeconfig", f"--name={self.name}"]))

    def down(self) -> None:
        """Delete it; kind says nothing against one that isn't there."""
        command.run(["kind", "delete", "cluster", f"--name={self.name}"])

    def trouble(self) -> str:
        """What is wrong with it."""
        if not self._exists():
            return f"there's no kind cluster {self.name}"
        asked = ["docker", "exec", f"{self.name}-control-plane", "kubectl", "get", "--raw", "/readyz"]
        answers = command.succeeds([*asked, "--kubeconfig=/etc/kubernetes/admin.conf"])
        return "" if answers else f"the API server of kind cluster {self.name} doesn't answer"

    def build(self, build: Build) -> str:
        """Build with Docker, whose cache is all that's needed, and load into the node."""
        with progress.live(f"building image {build.tag}", "seconds to minutes"):
            command.run(["docker", "build", f"--tag={build.tag}", *build.options])
            command.run(["kind", "load", "docker-image", build.tag, f"--name={self.name}"])
        return build.tag

    def images(self) -> Images:
        """It pulls what it needs."""
        return public_images()

    def _exists(self) -> bool:
        return self.name in command.run(["kind", "get", "clusters"]).split()
