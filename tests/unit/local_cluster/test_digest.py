"""Hashes tell content apart, and nothing else."""

from pathlib import Path

from local_cluster import digest


def test_where_parts_end_counts() -> None:
    assert digest.of_parts(["ab", "c"]) != digest.of_parts(["a", "bc"])


def test_same_files_same_hash_wherever_they_are(tmp_path: Path) -> None:
    hashes = []
    for place in ("one", "two"):
        file = tmp_path / place / "folder" / "file"
        file.parent.mkdir(parents=True)
        file.write_text("content")
        hashes.append(digest.of_files(tmp_path / place, [file]))
    assert hashes[0] == hashes[1]


def test_content_name_and_mode_count(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    seen = {digest.of_files(tmp_path, [file])}
    file.chmod(0o755)
    seen.add(digest.of_files(tmp_path, [file]))
    file.write_text("other")
    seen.add(digest.of_files(tmp_path, [file]))
    seen.add(digest.of_files(tmp_path, [file.rename(tmp_path / "renamed")]))
    assert len(seen) == 4
