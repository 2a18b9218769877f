"""What pip knows the package by: its name, its extras, its commands, and that every page and message says so."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.cli.commands import program
from penstock.distribution import DISTRIBUTION, install, installed_version
from penstock.errors import ConfigurationError
from penstock.middlewares import Sentry

ROOT = Path(__file__).parents[3]
TOLD_IN = ("README.md", "docs/**/*.md", "charts/**/*.*", "examples/**/*.*", "sdk/**/*.py", "operator/**/*.py")
ASKED = re.compile(r"pip install [^\n`#]*?(?<![\w/-])(penstock[\w-]*)(?:\[([\w,]+)\])?(?=['\"\s`]|$)", re.MULTILINE)


def test_the_installed_distribution_has_this_name_and_these_commands() -> None:
    assert distribution(DISTRIBUTION).name == "penstock-tasks"
    commands = {found.name for found in entry_points(group="console_scripts") if found.value == "penstock.cli:main"}
    assert commands == {"penstock", "kubectl-penstock"}


def test_every_command_that_installs_it_names_the_distribution_and_an_extra_that_exists() -> None:
    extras = set(distribution(DISTRIBUTION).metadata.get_all("Provides-Extra") or ())
    texts = {path: path.read_text() for pattern in TOLD_IN for path in ROOT.glob(pattern) if path.is_file()}
    told = [(path, found) for path, text in texts.items() for found in ASKED.finditer(text)]
    assert len(told) >= 8
    assert [(path, found[0]) for path, found in told if found[1] != DISTRIBUTION] == []
    assert [(path, found[0]) for path, found in told if found[2] and not {*found[2].split(",")} <= extras] == []


def test_the_command_tells_the_installed_version() -> None:
    assert CliRunner().invoke(program, ["version"]).output.strip() == installed_version()


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sentry_sdk", "sentry_sdk.integrations.logging"):  # the latter may have been imported before
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=re.escape(install("sentry"))):
        Sentry()
