"""MkDocs hook: files of the repository that a page links to become pages of the site.

MkDocs knows docs/ only, and a link such as `../sdk/penstock/keys.py`, which GitHub follows, would lead nowhere. So the
file gets a page of its own, `source/sdk/penstock/keys.py`, and the link on the site leads there. A link to what isn't
a file of the repository is left as it is: then the strict build fails by it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_markdown"]

LINK = re.compile(r"(?<=\]\()\.\./[^)#\s]+(?=\))")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".sh": "bash"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file that is linked to."""
    root = Path(config.docs_dir).parent
    links = ((page.src_uri, link) for page in files.documentation_pages() for link in LINK.findall(page.content_string))
    for path in sorted({path for uri, link in links if (path := _outside(uri, link, root))}):
        files.append(File.generated(config, f"source/{path}.md", content=_shown(root / path, path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links lead to those pages."""
    uri, root = page.file.src_uri, Path(config.docs_dir).parent

    def on_the_site(link: re.Match[str]) -> str:
        path = _outside(uri, link[0], root)
        return posixpath.relpath(f"source/{path}.md", posixpath.dirname(uri)) if path else link[0]

    return LINK.sub(on_the_site, markdown)


def _outside(uri: str, link: str, root: Path) -> str | None:
    """The path in the repository of a file that lies outside docs/; None where the link is another's."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(uri), link))
    return path if not path.startswith(("docs/", "../")) and (root / path).is_file() else None


def _shown(file: Path, path: str) -> str:
    language = LANGUAGES.get(file.suffix, "text")
    return f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\n~~~~{language}\n{file.read_text()}~~~~\n"
