"""Small Debian systems, made from the packages of the machine's own mirror."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from local_cluster import command

SUITE = "bookworm"
_SOURCES = Path("/etc/apt")
_LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
)


def install(folder: Path, packages: Sequence[str], downloads: Path) -> None:
    """Make a system with these packages in the folder, without what only people read."""
    mirror = find_mirror([file.read_text() for file in _source_files()])
    options = ["--variant=minbase", f"--include={','.join(packages)}", f"--cache-dir={downloads}"]
    own_mounts = ["unshare", "--mount", "--propagation", "private", "--"]
    command.run([*own_mounts, "debootstrap", *options, SUITE, folder, *mirror])
    for path in _LEFT_OUT:
        shutil.rmtree(folder / path, ignore_errors=True)
        (folder / path).mkdir(parents=True)


def find_mirror(sources: Sequence[str]) -> list[str]:
    """The first mirror that has the suite; none leaves debootstrap its default."""
    for text in sources:
        for address, suites in [*_one_line_sources(text), *_stanzas(text)]:
            if SUITE in suites:
                return [address]
    return []


def _source_files() -> list[Path]:
    lists = [_SOURCES / "sources.list", *sorted((_SOURCES / "sources.list.d").glob("*.list"))]
    return [
        *(file for file in lists if file.is_file()),
        *sorted((_SOURCES / "sources.list.d").glob("*.sources")),
    ]


def _one_line_sources(text: str) -> list[tuple[str, list[str]]]:
    """Lines such as `deb [options] ADDRESS SUITE COMPONENT`."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        words = line.partition("]")[2].split() if "[" in line else line.split()[1:]
        if line.startswith("deb ") and len(words) >= 2:
            found.append((words[0], [words[1]]))
    return found


def _stanzas(text: str) -> list[tuple[str, list[str]]]:
    """Paragraphs of `Key: value` lines."""
    found: list[tuple[str, list[str]]] = []
    for stanza in text.split("\n\n"):
        lines = [line.partition(":") for line in stanza.splitlines() if not line.startswith("#")]
        fields = {key.strip().lower(): value.split() for key, _, value in lines}
        if "deb" in fields.get("types", []):
            found += [(address, fields.get("suites", [])) for address in fields.get("uris", [])]
    return found
