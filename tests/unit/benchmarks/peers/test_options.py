from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.peers.options import MEASUREMENTS, Options
from benchmarks.peers.systems import SYSTEMS
from hypothesis import given
from hypothesis import strategies as st


def test_without_words_it_is_a_full_run() -> None:
    options = Options.parse([])
    assert options.is_full
    assert options.systems == tuple(SYSTEMS)


@pytest.mark.parametrize("words", ["--rounds 2", "--systems penstock,arq", "--tasks 1000"])
def test_less_is_not_full(words: str) -> None:
    assert not Options.parse(words.split()).is_full


def test_names_are_taken_in_their_own_order() -> None:
    assert Options.parse(["--systems", "arq, penstock"]).systems == ("penstock", "arq")


@pytest.mark.parametrize("words", ["--only speed", "--systems rq", "--rounds 0", "--tasks many"])
def test_what_it_does_not_know_is_refused_with_a_reason(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Options.parse(words.split())
    assert words.split()[1] in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--only ceiling", "--only drain,scale,latency", "--concurrency 1"])
def test_parts_and_other_settings_may_not_stand_in_the_documentation(words: str) -> None:
    assert not Options.parse(words.split()).is_full


def test_more_is_full_too() -> None:
    assert Options.parse(["--rounds", "5", "--tasks", "100000", "--seed", "7"]).is_full


def test_the_help_explains_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Options.parse(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"{name:9} {text}" in shown for name, text in MEASUREMENTS.items())


def test_a_source_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Options.parse([]).source == tmp_path.resolve()
    assert Options.parse(["--source", "other"]).source == tmp_path.resolve() / "other"


@given(st.lists(st.sampled_from(sorted(SYSTEMS)), min_size=1))
def test_any_list_of_systems_is_taken_once_each(names: list[str]) -> None:
    found = Options.parse(["--systems", ",".join(names)]).systems
    assert sorted(found) == sorted(set(names))
    assert list(found) == [name for name in SYSTEMS if name in found]
