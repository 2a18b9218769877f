"""Questions to an API server, asked with kubectl."""

from dataclasses import dataclass
from pathlib import Path

from local_cluster import command
from local_cluster.errors import ClusterError


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one kubeconfig, and with no cache that outlives it."""

    program: str | Path
    kubeconfig: Path
    cache: Path

    def run(self, *arguments: str, standard_input: str = "") -> str:
        """Run it and return what it printed; no proxy knows the way to the node."""
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}"]
        line = [self.program, *options, "--request-timeout=5s", *arguments]
        return command.run(line, environment={"NO_PROXY": "*"}, standard_input=standard_input)

    def answers(self, wanted: str, *arguments: str) -> bool:
        """Whether it ends well and prints just that."""
        try:
            return self.run(*arguments).strip() == wanted
        except ClusterError:
            return False

    def is_ready(self) -> bool:
        """Whether the API server says that it's ready."""
        return self.answers("ok", "get", "--raw", "/readyz")
