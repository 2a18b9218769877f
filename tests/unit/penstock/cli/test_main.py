"""How the command line ends: codes, and what is said on which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from penstock.cli.commands import program
from penstock.distribution import DISTRIBUTION
from penstock.errors import PenstockError
from tests.unit.penstock.worker.test_health import free_port

NOBODY = f"redis://127.0.0.1:{free_port()}"


def run(*words: str | bytes, url: str = NOBODY, folder: Path | None = None, **variables: str) -> tuple[int, str, str]:
    """The exit code, what came on standard output and what on standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    environment |= {"PYTHONPATH": ":".join(sys.path), "KUBECONFIG": "/nonexistent", "PENSTOCK_URL": url} | variables
    command: Sequence[str | bytes] = [sys.executable, "-m", "penstock.cli", *words]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("words", [("--version",), ("version",)])
def test_the_version_is_told(words: tuple[str, ...]) -> None:
    assert run(*words) == (0, f"{version(DISTRIBUTION)}\n", "")


BROKEN = [
    (("queue", "show", "mail"), NOBODY, "127.0.0.1"),
    (("dlq", "list", "mail"), "redis://127.0.0.1:99999", "broker URL redis://…: a server is HOST or HOST:PORT"),
    (("queue", "show", "mail"), "htp://localhost", "broker URL: use redis://"),
    (("queue", "show", "mail"), "", "set PENSTOCK_URL"),
    (("queue", "show", "Not A Queue"), NOBODY, "lower-case"),
    (("submit", "shop.welcome", "NaN"), NOBODY, "argument 1: NaN isn't JSON"),
    (("submit", "shop.welcome", b"caf\xe9"), NOBODY, "isn't UTF-8"),
    (("submit", "shop.welcome", "--kwargs", "[]"), NOBODY, "--kwargs '[]'"),
    (("submit", "shop.welcome"), NOBODY, "no cluster to talk to"),
    (("pool", "list"), NOBODY, "no cluster to talk to"),
    (("batch", "list"), NOBODY, "no cluster to talk to"),
    (("worker", "nosuch_module:app"), NOBODY, "can't import nosuch_module"),
    (("dev", "--no-reload", "nosuch_module:app"), NOBODY, "can't import nosuch_module"),
]


@pytest.mark.parametrize(("words", "url", "said"), BROKEN, ids=[f"{w[0]}-{s}" for w, _, s in BROKEN])
def test_an_error_of_ours_is_one_line(words: tuple[str | bytes, ...], url: str, said: str) -> None:
    code, output, error = run(*words, url=url)
    assert (code, output) == (1, "")
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nosuch",),
        ("queue", "show"),
        ("worker", "a:b", "--concurrency", "many"),
        ("worker", "a:b", "--nosuch"),
        ("dlq", "list", "mail", "--limit", "0"),
    ],
)
def test_wrong_words_are_code_2(words: tuple[str, ...]) -> None:
    code, output, error = run(*words)
    assert (code, output) == (2, "")
    assert "Usage" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e3", "9" * 30, "many", ""])
def test_a_wrong_flag_is_named_with_the_remedy(value: str) -> None:
    code, _, error = run("worker", "a:b", "--concurrency", value, COLUMNS="200")
    assert code == 2
    assert "--concurrency" in error
    assert "use a whole number from 1 to 10,000" in error


def test_a_wrong_variable_is_named() -> None:
    code, _, error = run("worker", "a:b", PENSTOCK_CONCURRENCY="many")
    assert (code, error) == (1, "error: PENSTOCK_CONCURRENCY='many': use a whole number from 1 to 10,000\n")


def test_what_a_module_raises_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("price = 1 / 0\n")
    code, _, error = run("worker", "shop:app", folder=tmp_path)
    assert code == 1
    assert 'shop.py", line 1' in error
    assert "ZeroDivisionError" in error


def test_whoever_reads_no_further_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        command = [sys.executable, "-m", "penstock.cli", "--help"]
        environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(command, env=environment, stdout=closed, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.stderr == b""


WORDS = st.one_of(
    st.sampled_from(["mail", "-n", "shop", "--limit", "--yes", "--output", "-o", "--", "-", "--help", "--port", "a:b"]),
    st.sampled_from(["nan", "inf", "-1", "0", "1e400", "9" * 30, "½", "", " ", "\x7f", "[" * 2000, "{}", "NaN"]),
    st.text(st.characters(exclude_characters="\0"), max_size=10),
)
COMMANDS = st.sampled_from(
    [
        ("queue", "show"),
        ("queue", "pause"),
        ("dlq", "list"),
        ("dlq", "replay"),
        ("dlq", "purge"),
        ("submit",),
        ("pool", "explain"),
        ("batch", "results"),
        ("worker",),
        ("version",),
        (),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COMMANDS, st.lists(WORDS, max_size=5))
def test_no_words_bring_a_traceback(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], words: list[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    result = CliRunner().invoke(program, [*command, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit | PenstockError), result.exception
    assert result.exit_code in (0, 1, 2)


def test_options_may_stand_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_URL", "memory://")
    for words in (("-n", "shop", "mail"), ("mail", "-n", "shop")):
        result = CliRunner().invoke(program, ["queue", "show", *words])
        assert json.loads(result.output)["ready"] == 0
