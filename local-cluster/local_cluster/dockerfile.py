"""The little that must be known of a Dockerfile: which images it builds on."""

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\{?(\w+)(?::-([^}]*))?\}?")


def bases(text: str, arguments: Mapping[str, str]) -> list[str]:
    """The images after FROM and COPY --from, but for the file's own stages."""
    values: dict[str, str] = {}
    stages: set[str] = set()
    found: list[str] = []
    for words in (line.split() for line in text.splitlines() if line.strip()):
        instruction = words[0].upper()
        if instruction == "ARG" and not found:
            values.update(_defaults(words[1:], arguments))
        elif instruction == "FROM":
            image = _filled(next(word for word in words[1:] if not word.startswith("--")), values)
            found += [image] if image not in stages | {"scratch"} else []
            stages |= {words[-1]} if words[-2].upper() == "AS" else set()
        elif instruction == "COPY":
            sources = [word[7:] for word in words if word.startswith("--from=")]
            found += [name for name in sources if name not in stages and not name.isdigit()]
    return list(dict.fromkeys(found))


def read_bases(file: Path, arguments: Mapping[str, str]) -> list[str]:
    """The same of a file."""
    return bases(file.read_text(), arguments)


def _defaults(words: list[str], arguments: Mapping[str, str]) -> dict[str, str]:
    pairs = (word.partition("=")[::2] for word in words)
    return {name: arguments.get(name, value) for name, value in pairs}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match[1]) or match[2] or "", text)
