from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from benchmarks.autoscale import page, plots, record, table
from benchmarks.autoscale.__main__ import collect
from benchmarks.autoscale.bars import judge
from benchmarks.autoscale.options import Options
from benchmarks.autoscale.run import Outcome, run


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run("spike", scaler, 0) for scaler in ("penstock", "keda")]


def test_tables_have_a_line_a_scaler(outcomes: list[Outcome]) -> None:
    (text,) = table.tables(collect(outcomes))
    assert text.startswith("spike: ")
    assert [line.split()[0] for line in text.splitlines()[2:]] == ["penstock", "keda"]


def test_a_page_is_renewed_between_its_marks(outcomes: list[Outcome], tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("before\n<!-- simulated -->\nold\n<!-- /simulated -->\nafter\n")
    found = collect(outcomes)
    for _ in range(2):
        page.renew(found, judge(found), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("before\n<!-- simulated -->\n")
    assert text.endswith("\n<!-- /simulated -->\nafter\n")
    assert "old" not in text
    assert "plots/autoscale-spike.svg" in text
    assert text.count("\n| keda |") == 1


def test_all_is_kept(outcomes: list[Outcome], tmp_path: Path) -> None:
    found = collect(outcomes)
    options = Options(patterns=("spike",), scalers=("penstock", "keda"), seeds=1)
    path = record.write(record.Record(options, outcomes, found, judge(found)), tmp_path / "autoscale.json")
    kept = json.loads(path.read_text())
    assert kept["figures"]["spike"]["keda"]["late"]["mean"] == outcomes[1].figures["late"]
    assert kept["patterns"]["spike"]["source"]
    assert len(kept["runs"]) == 2
    assert len(kept["bars"]) == 1


def test_plots_are_whole(outcomes: list[Outcome], tmp_path: Path) -> None:
    (path,) = plots.write(outcomes, tmp_path)
    assert path.name == "autoscale-spike.svg"
    root = ET.parse(path).getroot()
    lines = [found.get("points", "") for found in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == 2 + 1 + 2 + 2  # the legend, arrivals, what waits, pods
    heights = [float(point.split(",")[1]) for line in lines for point in line.split()]
    assert 0 < min(heights) <= max(heights) < float(root.get("height", "0"))


def test_options_name_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert Options.parse(["--patterns", "spike,steady", "--seeds", "2"]).patterns == ("steady", "spike")
    assert not Options.parse(["--seeds", "2"]).is_full
    assert Options.parse([]).is_full
    with pytest.raises(SystemExit):
        Options.parse(["--scalers", "none"])
    assert "none: use some of penstock" in capsys.readouterr().err
