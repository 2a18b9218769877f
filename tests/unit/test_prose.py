"""The pages, and what kubectl explain shows, are in plain technical English: without words that slow a reader down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs/design.md"  # whose words bind
PAGES = sorted({*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"} - {CONTRACT})
CRDS = sorted(ROOT.glob("crds/*.yaml"))
GENERATED = re.compile(r"^<!-- (penstock[\w.]*|simulated).*?^<!-- (end|/simulated) -->$", re.MULTILINE | re.DOTALL)
COMMANDS = ROOT / "docs/reference/commands.md"  # made from the help texts of the commands
PLAIN = {
    r"who(so)?ever|whom(ever)?": "name the person or the part, or write 'anyone who'",
    r"whose": "'of which', or a sentence of its own",
    r"besides": "'also'",
    r"till": "'until'",
    r"as far as": "'if' or 'up to'",
    r"(a|the) (later|last) word": "'overrides' or 'applies'",
    r"word of an?": "'report'",
    r"hitherto|thereof|therein|lest|forego(es|ne)?": "a modern word",
    r"(in|for) (vain|good)": "'without effect', 'permanently'",
    r"see to": "'handle'",
    r"says? otherwise": "'changes that'",
    r"mustn't|needn't": "'must not', 'doesn't have to'",
}


@pytest.mark.parametrize("page", [page for page in PAGES if page != COMMANDS], ids=lambda page: page.stem)
def test_a_page_is_in_plain_words(page: Path) -> None:
    assert found(GENERATED.sub("", page.read_text())) == []


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.stem)
def test_a_resource_is_described_in_plain_words(crd: Path) -> None:
    assert found(crd.read_text()) == []


def found(text: str) -> list[str]:
    """What to write instead, for each word that isn't plain."""
    told = []
    for words, instead in PLAIN.items():
        for match in re.finditer(rf"\b({words})\b", text, re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            told.append(f"line {line}: {match[0]!r}: write {instead}")
    return told
