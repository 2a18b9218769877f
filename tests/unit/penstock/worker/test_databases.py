"""Each in a process of its own: Django is configured once in one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

DJANGO = """
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
django.setup()
from django.db import connection, connections, transaction
def connected():
    return connection.connection is not None
def ask():
    connection.ensure_connection()
    return connected()
"""
SDK = Path(__file__).parents[4] / "sdk"


def printed(code: str, tmp_path: Path, *, django: bool = True) -> list[str]:
    program = (DJANGO if django else "") + "from penstock.worker import databases\n" + dedent(code)
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(SDK)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_nothing_of_django_is_imported_where_nobody_uses_it(tmp_path: Path) -> None:
    code = """
        import sys
        with databases.as_in_a_request():
            print(databases.used(), databases.preparation(), "django" in sys.modules)
    """
    assert printed(code, tmp_path, django=False) == ["False", "None", "False"]


def test_a_django_without_settings_is_not_used(tmp_path: Path) -> None:
    assert printed("import django.db; print(databases.used())", tmp_path, django=False) == ["False"]


def test_a_threads_connection_is_closed_after_each_piece(tmp_path: Path) -> None:
    code = """
        threads = databases.Threads(1)
        print(threads.submit(ask).result(), threads.submit(connected).result())
        def begin():
            block = transaction.atomic()
            block.__enter__()
            return block
        def end(block):
            print(connected())
            block.__exit__(None, None, None)
        threads.submit(end, threads.submit(begin).result()).result()
        print(threads.submit(connected).result())
    """
    assert printed(code, tmp_path) == ["True", "False", "True", "False"]


def test_async_work_has_a_thread_of_its_own_and_leaves_no_connection(tmp_path: Path) -> None:
    code = """
        import asyncio, threading
        from asgiref.sync import sync_to_async
        closed = []
        from django.db.backends.sqlite3.base import DatabaseWrapper
        close = DatabaseWrapper.close
        DatabaseWrapper.close = lambda self: closed.append(threading.get_ident()) or close(self)
        async def work():
            await sync_to_async(ask)()
            return await sync_to_async(threading.get_ident)()
        async def both():
            return await asyncio.gather(*(databases.as_in_an_async_request(work) for _ in "12"))
        first, second = asyncio.run(both())
        print(first != second, {first, second} <= set(closed))
    """
    assert printed(code, tmp_path) == ["True", "True"]
