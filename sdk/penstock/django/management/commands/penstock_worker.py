"""`manage.py penstock_worker`: run the project's tasks until SIGTERM or Ctrl-C, then drain."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from penstock import native
from penstock.django.configuration import discovered_app
from penstock.errors import ConfigurationError
from penstock.running import run_worker
from penstock.worker_settings import TABLE, Setting


class Command(BaseCommand):
    """A worker, or several processes of it."""

    help = "Run the tasks of all installed apps: those in their `tasks` modules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See BaseCommand."""
        parser.add_argument("app", nargs="?", default="", help="MODULE:ATTRIBUTE; default: settings.PENSTOCK['APP']")
        for row in TABLE:
            parser.add_argument(row.flag, dest=row.name, type=_reader(row), help=f"{row.help} (default: {row.default})")

    def handle(self, *args: Any, app: str, **options: Any) -> None:
        """See BaseCommand."""
        if native.patched():
            raise CommandError("a worker can't run under gevent: start it without monkey patching")
        said = {row.name: options[row.name] for row in TABLE if options[row.name] is not None}
        try:
            run_worker(partial(discovered_app, app), said)
        except ConfigurationError as error:
            raise CommandError(str(error)) from error


def _reader(row: Setting) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return row.read(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return read
