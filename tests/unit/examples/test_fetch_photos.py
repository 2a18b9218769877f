"""Taking the photographs out of their wheels; here the wheels are made up, and pip is never asked."""

import zipfile
from pathlib import Path

import pytest
from shop import fetch_photos
from shop.fetch_photos import LICENCES, SKIMAGE, SKLEARN


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every download that was made; the cache is empty at first."""
    made: list[Path] = []

    def download(folder: Path) -> None:
        folder.mkdir()
        made.append(folder)
        with zipfile.ZipFile(folder / "scikit_image-1.whl", "w") as wheel:
            code = "".join(f'def {name}():\n    """{name} is CC0."""\n' for name in SKIMAGE.values())
            wheel.writestr("skimage/data/_fetchers.py", code)
            for name in (*SKIMAGE, "logo.png"):
                wheel.writestr(f"skimage/data/{name}", name)
        with zipfile.ZipFile(folder / "scikit_learn-1.whl", "w") as wheel:
            wheel.writestr("sklearn/datasets/images/README.txt", "creative commons\n")
            for name in SKLEARN:
                wheel.writestr(f"sklearn/datasets/images/{name}", name)

    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch_photos, "_download", download)
    return made


def test_photographs_and_their_licences_come_out(downloads: list[Path], tmp_path: Path) -> None:
    fetch_photos.fetch(tmp_path / "photos")
    assert {file.name for file in (tmp_path / "photos").iterdir()} == {*SKIMAGE, *SKLEARN, LICENCES}
    notes = (tmp_path / "photos" / LICENCES).read_text()
    assert "== clock_motion.png, from scikit_image-1.whl ==\n\nclock is CC0." in notes
    assert "creative commons" in notes


def test_a_second_time_there_is_nothing_to_do(downloads: list[Path], tmp_path: Path) -> None:
    assert len(fetch_photos.fetch(tmp_path / "photos")) == len(SKIMAGE) + len(SKLEARN) + 1
    assert fetch_photos.fetch(tmp_path / "photos") == []
    (tmp_path / "photos" / "china.jpg").write_text("damaged")
    assert fetch_photos.fetch(tmp_path / "photos") == ["china.jpg"]
    assert len(downloads) == 1


def test_an_interrupted_download_leaves_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch_photos, "_download", fail)
    with pytest.raises(KeyboardInterrupt):
        fetch_photos.fetch(tmp_path / "photos")
    assert list((tmp_path / "cache" / "photos").iterdir()) == []
