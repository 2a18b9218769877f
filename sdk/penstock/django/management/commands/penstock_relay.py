"""`manage.py penstock_relay shop.tasks:app`: send what is committed, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, DatabaseError, close_old_connections

from penstock.django import BATCH, send_committed
from penstock.django.configuration import project_app
from penstock.errors import PenstockError

log = logging.getLogger("penstock")
LOOK_SECONDS = 1.0


class Command(BaseCommand):
    """Looks every second; `--once` only now."""

    help = "Send the tasks that committed transactions have asked for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See BaseCommand."""
        parser.add_argument("app", nargs="?", default="", help="MODULE:ATTRIBUTE; default: settings.PENSTOCK['APP']")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)
        parser.add_argument("--once", action="store_true", help="send what is there, and end")

    def handle(self, *args: Any, app: str, database: str, once: bool, **options: Any) -> None:
        """See BaseCommand."""
        loaded, stop = project_app(app), threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                while send_committed(loaded, database) == BATCH:
                    pass
            except (PenstockError, DatabaseError) as error:
                if once:
                    raise
                log.warning("outbox: couldn't send, trying again: %s", error)
                close_old_connections()
            if once:
                return
            stop.wait(LOOK_SECONDS)
