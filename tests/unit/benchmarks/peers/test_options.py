from __future__ import annotations

import pytest
from benchmarks.peers.options import Options
from benchmarks.peers.systems import SYSTEMS


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
