"""The build's hash covers just the files that the build sees."""

from pathlib import Path, PurePosixPath

import pytest

from local_cluster.dockerignore import Ignore, seen_files

ONLY_SOME = "# comment\n*\n!sdk\n!build/wheels\n**/__pycache__\n**/Dockerfile\n"


@pytest.mark.parametrize(
    ("text", "path", "left_out"),
    [
        ("", "a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("/a/", "a/b", True),
        ("a", "b/a", False),
        ("**/a", "b/c/a", True),
        ("**/a", "a", True),
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "b/a.pyc", False),
        ("b/*.p?c", "b/a.pyc", True),
        ("a[0-9]", "a7", True),
        ("a.c", "abc", False),
        ("a\n!a/b", "a/b", False),
        ("!a\na", "a", True),
        (ONLY_SOME, "sdk/penstock/keys.py", False),
        (ONLY_SOME, "sdk/penstock/__pycache__/keys.pyc", True),
        (ONLY_SOME, "build/wheels/a.whl", False),
        (ONLY_SOME, "build/kubeconfig", True),
        (ONLY_SOME, ".git/config", True),
    ],
)
def test_rules(text: str, path: str, left_out: bool) -> None:
    assert Ignore.parse(text).leaves_out(PurePosixPath(path)) is left_out


def test_files_are_found_in_left_out_folders_too(tmp_path: Path) -> None:
    for name in ("sdk/a.py", "build/wheels/b.whl", "build/other", "docs/c.md", "sdk/Dockerfile"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".dockerignore").write_text(ONLY_SOME)
    found = {file.relative_to(tmp_path).as_posix() for file in seen_files(tmp_path)}
    assert found == {"sdk/a.py", "build/wheels/b.whl"}
