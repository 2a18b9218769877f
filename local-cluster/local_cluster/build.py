"""What is asked to be built: an image from a Dockerfile and a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster import digest, dockerignore
from local_cluster.dockerfile import read_bases
from local_cluster.errors import ClusterError


@dataclass(frozen=True)
class Build:
    """One image to build."""

    tag: str
    dockerfile: Path
    context: Path
    arguments: Mapping[str, str]

    @staticmethod
    def asked(tag: str, dockerfile: Path, context: Path, pairs: list[str]) -> "Build":
        """From a command line's values; each pair is `KEY=VALUE`."""
        if not dockerfile.is_file() or not context.is_dir():
            raise ClusterError(f"no Dockerfile {dockerfile} or no folder {context}: check the paths")
        if odd := [pair for pair in pairs if "=" not in pair]:
            raise ClusterError(f"--build-arg {odd[0]}: write KEY=VALUE")
        arguments = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
        return Build(tag, dockerfile.resolve(), context.resolve(), arguments)

    @property
    def bases(self) -> list[str]:
        """The images it's built on."""
        return read_bases(self.dockerfile, self.arguments)

    @property
    def options(self) -> list[str]:
        """What every builder is told in the same words."""
        arguments = [f"--build-arg={key}={value}" for key, value in self.arguments.items()]
        return [f"--file={self.dockerfile}", *arguments, str(self.context)]

    def key(self, bases: Mapping[str, str]) -> str:
        """A hash over all that the image comes from; bases maps them to what they hold."""
        pairs = sorted({**self.arguments, **bases}.items())
        words = [self.tag, *(f"{key}={value}" for key, value in pairs)]
        content = digest.of_files(self.context, dockerignore.seen_files(self.context))
        return digest.of_parts([*words, self.dockerfile.read_bytes(), content])
