"""Which files of a folder an image build sees, by the rules of .dockerignore."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Rule:
    """One line of the file."""

    pattern: str
    keeps: bool

    def matches(self, path: PurePosixPath) -> bool:
        """Whether it names the path or a folder that the path is in."""
        expression = re.compile(_expression(self.pattern))
        candidates = [path, *path.parents][: len(path.parts)]
        return any(expression.fullmatch(str(candidate)) for candidate in candidates)

    def may_match_below(self, folder: PurePosixPath) -> bool:
        """Whether it's worth looking into the folder on its account."""
        return "*" in self.pattern or self.pattern.startswith(f"{folder}/")


@dataclass(frozen=True)
class Ignore:
    """All lines of the file; of those that match, the last one decides."""

    rules: tuple[Rule, ...]

    @staticmethod
    def parse(text: str) -> "Ignore":
        """Read the file's text."""
        lines = (line.strip() for line in text.splitlines())
        return Ignore(tuple(_rule(line) for line in lines if line and not line.startswith("#")))

    def leaves_out(self, path: PurePosixPath) -> bool:
        """Whether the build doesn't see this file."""
        matching = [rule for rule in self.rules if rule.matches(path)]
        return bool(matching) and not matching[-1].keeps

    def files(self, root: Path) -> Iterator[Path]:
        """The files that the build sees."""
        for place, folders, names in os.walk(root):
            here = PurePosixPath(Path(place).relative_to(root))
            folders[:] = sorted(name for name in folders if self._is_worth_entering(here / name))
            for name in names:
                if not self.leaves_out(here / name):
                    yield Path(place) / name

    def _is_worth_entering(self, folder: PurePosixPath) -> bool:
        exceptions = (rule for rule in self.rules if rule.keeps)
        return not self.leaves_out(folder) or any(rule.may_match_below(folder) for rule in exceptions)


def seen_files(context: Path) -> list[Path]:
    """The files of a build's context."""
    file = context / ".dockerignore"
    ignore = Ignore.parse(file.read_text() if file.is_file() else "")
    return [path for path in ignore.files(context) if path.is_file()]


def _rule(line: str) -> Rule:
    keeps = line.startswith("!")
    pattern = line.removeprefix("!").strip().strip("/")
    return Rule(os.path.normpath(pattern), keeps)


def _expression(pattern: str) -> str:
    """A regular expression for the pattern: `**/` crosses folders, `*` and `?` don't."""
    translations = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return "".join(translations.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)
