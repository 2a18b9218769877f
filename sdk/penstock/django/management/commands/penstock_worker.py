"""`manage.py penstock_worker`: run the project's tasks until SIGTERM or Ctrl-C, then drain."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from penstock import native, tasklog
from penstock.app import Penstock
from penstock.django.configuration import discovered_app
from penstock.errors import ConfigurationError
from penstock.process import collect_seldom, run, stop_asked
from penstock.serving import serving
from penstock.worker import Settings
from penstock.worker.supervisor import RECYCLED, SUPERVISED, Supervision, supervise, watch_supervisor

LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Command(BaseCommand):
    """A worker, or several processes of it."""

    help = "Run the tasks of all installed apps: those in their `tasks` modules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See BaseCommand."""
        parser.add_argument("app", nargs="?", default="", help="MODULE:ATTRIBUTE; default: settings.PENSTOCK['APP']")
        parser.add_argument("--queues", default="", help="with commas between them; default: those of the tasks")
        parser.add_argument("--concurrency", type=_at_least(1), default=16, help="tasks at a time (16)")
        parser.add_argument("--processes", type=_at_least(1), default=1, help="each with its own concurrency (1)")
        parser.add_argument("--drain-seconds", type=float, default=30.0, help="for running tasks, after SIGTERM (30)")
        parser.add_argument("--log-level", choices=LEVELS, default="INFO", help="where Django logs nothing itself")

    def handle(self, *args: Any, app: str, **options: Any) -> None:
        """See BaseCommand."""
        tasklog.configure(options["log_level"])
        if native.patched():
            raise CommandError("a worker can't run under gevent: start it without monkey patching")
        if options["processes"] > 1 and SUPERVISED not in os.environ:
            sys.exit(run(_supervised(options)))
        try:
            loaded = discovered_app(app)
            settings = _settings(loaded, options)
            _ = loaded.url
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        collect_seldom()
        sys.exit(run(_work(loaded, settings)))


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise ValueError(text)
        return value

    number.__name__ = f"number from {least} on"
    return number


def _settings(app: Penstock, options: dict[str, Any]) -> Settings:
    queues = [name.strip() for name in options["queues"].split(",") if name.strip()]
    return Settings(queues or app.queues, options["concurrency"], drain_seconds=options["drain_seconds"])


async def _supervised(options: dict[str, Any]) -> int:
    command = (sys.executable, *sys.argv)
    return await supervise(Supervision(command, options["processes"], options["drain_seconds"]), stop_asked())


async def _work(app: Penstock, settings: Settings) -> int:
    """Exit code 0 after a drain that was asked for, RECYCLED where the supervisor should start another."""
    stop = stop_asked()
    watch_supervisor(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
    async with serving(app, settings) as worker:
        await worker.until(stop)
    return 0 if stop.is_set() else RECYCLED
