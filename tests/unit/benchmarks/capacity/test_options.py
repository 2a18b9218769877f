from __future__ import annotations

import pytest
from benchmarks.capacity.__main__ import stages
from benchmarks.capacity.options import STAGES, Options, Sizes


def test_everything_is_the_default() -> None:
    options = Options.parse([])
    assert options.only == tuple(STAGES)
    assert options.is_full


@pytest.mark.parametrize("words", ["b,d", "latency,sustained", "d, sustained"])
def test_stages_go_by_letter_or_name_in_their_own_order(words: str) -> None:
    options = Options.parse(["--only", words])
    assert options.only == ("sustained", "latency")
    assert not options.is_full


def test_quick_is_no_full_run() -> None:
    assert not Options.parse(["--quick"]).is_full


def test_an_unknown_stage_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Options.parse(["--only", "raw,speed"])
    assert "speed: use some of raw, sustained" in capsys.readouterr().err


def test_every_stage_is_there() -> None:
    assert tuple(stages(Sizes())) == tuple(STAGES)


def test_levels_may_be_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert Options.parse(["--levels", "100,200"]).sizes.levels == (100, 200)
    with pytest.raises(SystemExit):
        Options.parse(["--levels", "many"])
    assert "use whole numbers with commas" in capsys.readouterr().err
