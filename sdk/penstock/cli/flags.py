"""The table of worker settings as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from penstock.worker_settings import TABLE, Setting

__all__ = ["with_flags"]

R = TypeVar("R")
SHORT = {"name": "NAME", "queues": "NAMES", "log_level": "LEVEL"}


def with_flags(command: Callable[..., R]) -> Callable[..., R]:
    """A command that takes the table's flags in place of its `**said`, which has those that were given."""

    def run(*words: Any, **options: Any) -> R:
        given = {name: value for name, value in options.items() if value is not None}
        return command(*words, **given)

    own = inspect.signature(command, eval_str=True)
    first = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    found = own.replace(parameters=[*first, *map(_option, TABLE)])
    run.__signature__ = found  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {name: one.annotation for name, one in found.parameters.items()}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _option(row: Setting) -> inspect.Parameter:
    def read(text: str | None) -> object:
        if text is None:
            return None
        try:
            return row.read(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}: {error}") from None

    help = f"{row.help} (default: {row.default}; {row.variable})"
    option = typer.Option(row.flag, callback=read, help=help, metavar=SHORT.get(row.name, "NUMBER"))
    return inspect.Parameter(
        row.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )
