"""Writes signatures and docstrings into docs/reference: `python docs/reference_pages.py`. With `--check` it fails where
a page is stale, and writes nothing.

commands.md is made from the help texts of the commands. The other pages are written by hand, except for the text
between two markers. That text is made from the source:

    <!-- penstock.Handle -->
    <!-- end -->

A marker may carry options as JSON: `"init": true` shows how to construct a class, `"members": ["result"]` selects some
of its members.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import griffe

__all__ = ["Marker", "commands", "main", "rendered"]

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/reference"
COMMANDS = PAGES / "commands.md"
SECTION = re.compile(r"^<!-- (penstock[\w.]*)(?: (\{[^\n]*\}))? -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)

STARS: dict[griffe.ParameterKind | None, str] = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}
SHOWN_DECORATORS = ("contextmanager", "asynccontextmanager")  # without them a caller can't tell how to use it


@dataclass(frozen=True)
class Marker:
    """What a page asks for: an object by its path, and what to show of it."""

    path: str
    init: bool = False
    members: list[str] | None = None


def main() -> None:
    """Write all pages, or tell which are stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    check = parser.parse_args().check
    pages = {path: rendered(path.read_text()) for path in sorted(PAGES.glob("*.md"))} | {COMMANDS: commands()}
    stale = {path: text for path, text in pages.items() if path.read_text() != text}
    for path, text in stale.items():
        if not check:
            path.write_text(text)
    if check and stale:
        sys.exit("\n".join(f"{path.relative_to(ROOT)} is stale: make generate" for path in stale))


def commands() -> str:
    """The page on the commands, without the entities that typer writes for a browser."""
    program = [sys.executable, "-m", "typer", "--app", "program", "penstock.cli.commands"]
    words = [*program, "utils", "docs", "--name", "penstock", "--title", "Commands"]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return html.unescape(made).strip() + "\n"


def rendered(page: str) -> str:
    """The page with everything between its markers made anew."""
    if not SECTION.search(page):
        return page
    package = griffe.load("penstock", search_paths=[ROOT / "sdk"], submodules=True)
    return _formatted(SECTION.sub(lambda found: _section(package, found), page))


def _section(package: griffe.Object | griffe.Alias, found: re.Match[str]) -> str:
    opening, options = found[0].partition("\n")[0], json.loads(found[2] or "{}")
    return "\n".join((opening, "", *_object(package, Marker(found[1], **options)), "<!-- end -->"))


def _formatted(page: str) -> str:
    """As `ruff format` has the code in it."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", "page.md", "-"]
    return subprocess.run(command, cwd=ROOT, input=page, capture_output=True, text=True, check=True).stdout


def _object(package: griffe.Object | griffe.Alias, marker: Marker) -> Iterator[str]:
    shown = _final(package[marker.path.partition(".")[2]])
    name = marker.path.rpartition(".")[2]
    yield from (f"### {name}", "")
    if isinstance(shown, griffe.Class):
        yield from _class(shown, name, marker)
    else:
        yield from _described(shown, _signature(shown))


def _final(found: griffe.Object | griffe.Alias) -> griffe.Object:
    return found.final_target if isinstance(found, griffe.Alias) else found


def _class(kind: griffe.Class, name: str, marker: Marker) -> Iterator[str]:
    yield from _described(kind, _class_code(kind, name, init=marker.init))
    chosen = [member for member in _members(kind, marker) if member.docstring or member.is_attribute]
    yield from _table([one for one in chosen if _is_field(one)])
    for member in chosen:
        if not _is_field(member):
            yield from (f"#### {name}.{member.name}", "")
            yield from _described(member, _signature(member))


def _is_field(member: griffe.Object) -> bool:
    """Whether it is a value of a record or an enum; not a property, nor another name of a method."""
    if not isinstance(member, griffe.Attribute) or "property" in member.labels:
        return False
    return member.annotation is not None or str(member.value).startswith(("'", '"'))


def _members(kind: griffe.Class, marker: Marker) -> list[griffe.Object]:
    own = [_final(one) for name, one in kind.members.items() if not name.startswith("_") and not _set_later(kind, one)]
    chosen = own if marker.members is None else [one for one in own if one.name in marker.members]
    return sorted(chosen, key=lambda one: one.lineno or 0)


def _set_later(kind: griffe.Class, member: griffe.Object | griffe.Alias) -> bool:
    """Whether it is an attribute that only __init__ sets: how an object works inside."""
    init = kind.members.get("__init__")
    return bool(
        member.is_attribute and init and init.lineno and init.lineno <= (member.lineno or 0) <= (init.endlineno or 0)
    )


def _described(shown: griffe.Object, code: str) -> Iterator[str]:
    yield from ("```python", code, "```", "")
    if shown.docstring:
        yield from (shown.docstring.value.strip(), "")


def _class_code(kind: griffe.Class, name: str, *, init: bool) -> str:
    bases = ", ".join(str(base) for base in kind.bases)
    head = f"class {name}({bases}):" if bases else f"class {name}:"
    if not init:
        return f"{head} ..."
    parameters = _parameters(_final(kind.all_members["__init__"]))
    return f"{head}\n    def __init__({', '.join(['self', *parameters])}) -> None: ..."


def _signature(shown: griffe.Object) -> str:
    if isinstance(shown, griffe.Function):
        decorators = (str(one.value) for one in shown.decorators)
        above = "".join(f"@{name}\n" for name in decorators if name in SHOWN_DECORATORS)
        start = "async def" if "async" in shown.labels else "def"
        returns = f" -> {shown.returns}" if shown.returns is not None else ""
        return f"{above}{start} {shown.name}({', '.join(_parameters(shown))}){returns}: ..."
    annotation = getattr(shown, "annotation", None)
    return f"{shown.name}: {annotation}" if annotation is not None else f"{shown.name} = {getattr(shown, 'value', '…')}"


def _parameters(function: griffe.Object) -> list[str]:
    """As they are written, without `self` and what is private."""
    assert isinstance(function, griffe.Function)
    found: list[str] = []
    for one in function.parameters:
        if one.name in ("self", "cls") or one.name.startswith("_"):
            continue
        if one.kind is griffe.ParameterKind.keyword_only and not any(word.startswith("*") for word in found):
            found.append("*")
        found.append(_parameter(one))
    positional = [one for one in function.parameters if one.kind is griffe.ParameterKind.positional_only]
    if positional := [one for one in positional if one.name not in ("self", "cls")]:
        found.insert(len(positional), "/")
    return found


def _parameter(one: griffe.Parameter) -> str:
    stars = STARS.get(one.kind, "")
    text = f"{stars}{one.name}: {one.annotation}" if one.annotation is not None else f"{stars}{one.name}"
    if one.default is None or stars:
        return text
    return f"{text} = {one.default}" if one.annotation is not None else f"{text}={one.default}"


def _table(fields: list[griffe.Object]) -> Iterator[str]:
    """A row for each, without the columns that nothing stands in."""
    rows = [(f"`{one.name}`", *_about(one)) for one in fields if isinstance(one, griffe.Attribute)]
    columns = zip(("Name", "Type", "Default", "Meaning"), *rows, strict=True)
    kept = [column for column in columns if any(column[1:])]
    if kept:
        head, *body = zip(*kept, strict=True)
        yield from (f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body))
        yield ""


def _about(one: griffe.Attribute) -> tuple[str, str, str]:
    return _cell(one.annotation), _cell(one.value), _meaning(one)


def _cell(expression: object) -> str:
    return f"`{str(expression).replace('|', chr(92) + '|')}`" if expression is not None else ""


def _meaning(one: griffe.Attribute) -> str:
    return " ".join(one.docstring.value.split()).replace("|", "\\|") if one.docstring else ""


if __name__ == "__main__":
    main()
