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

    def run(self, *arguments: str, standard_input: str | None = None) -> str:
        """Run it and return what it printed."""
        return command.run(self._line(arguments), standard_input=standard_input)

    def succeeds(self, *arguments: str) -> bool:
        """Whether it ends well."""
        return command.succeeds(self._line(arguments))

    def answers(self, wanted: str, *arguments: str) -> bool:
        """Whether it ends well and prints just that."""
        try:
            return self.run(*arguments).strip() == wanted
        except ClusterError:
            return False

    def is_ready(self) -> bool:
        """Whether the API server says that it's ready."""
        return self.succeeds("get", "--raw", "/readyz")

    def _line(self, arguments: tuple[str, ...]) -> list[str | Path]:
        cache = self.kubeconfig.with_name("kubectl-cache")
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={cache}"]
        return [self.program, *options, "--request-timeout=5s", *arguments]
