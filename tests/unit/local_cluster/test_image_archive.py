"""Archives name their content, so that the same content has the same reference."""

import json
import tarfile
from pathlib import Path

from local_cluster import image_archive
from local_cluster.image_archive import Settings


def make(folder: Path, settings: Settings) -> str:
    folder.mkdir()
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    image_archive.layer_of_program(program, "tool", folder / "layer")
    return image_archive.write(folder / "image.tar", "localhost/tool", folder / "layer", settings)


def test_the_reference_is_of_the_content(tmp_path: Path) -> None:
    settings = Settings(entrypoint=("/tool",))
    assert make(tmp_path / "a", settings) == make(tmp_path / "b", settings)
    assert make(tmp_path / "c", Settings(user="1:1")) != make(tmp_path / "d", settings)


def test_what_is_in_it(tmp_path: Path) -> None:
    reference = make(tmp_path / "a", Settings(entrypoint=("/tool",)))
    with tarfile.open(tmp_path / "a" / "image.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        (listed,) = json.load(manifest)
        assert listed["RepoTags"] == [reference]
        assert {listed["Config"], *listed["Layers"]} < set(archive.getnames())
        layer = archive.extractfile(listed["Layers"][0])
        with tarfile.open(fileobj=layer) as content:
            (member,) = content.getmembers()
    assert (member.name, member.mode, member.uid) == ("tool", 0o755, 0)
