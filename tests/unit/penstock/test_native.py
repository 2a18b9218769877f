"""What runs under gevent runs in a process of its own: patching can't be undone."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytest.importorskip("gevent")


def run_patched(code: str) -> str:
    """What a patched interpreter prints."""
    program = "from gevent import monkey; monkey.patch_all()\n" + dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd="sdk"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_loop_has_a_native_thread_and_leaves_no_loop_in_the_callers() -> None:
    assert run_patched("""
        import asyncio, _thread
        from penstock.portal import Portal
        async def where():
            return _thread.get_ident()
        print(Portal().run(where(), "") != _thread.get_ident())
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            print("free")
    """).split() == ["True", "free"]


def test_other_greenlets_go_on_while_one_waits() -> None:
    assert (
        run_patched("""
        import asyncio, gevent, time
        from penstock.portal import Portal
        portal, began = Portal(), time.monotonic()
        gevent.joinall([gevent.spawn(portal.run, asyncio.sleep(0.2), "") for _ in range(50)], raise_error=True)
        print(time.monotonic() - began < 2)
    """)
        == "True"
    )


def test_errors_and_timeouts_are_the_callers() -> None:
    assert run_patched("""
        import asyncio, gevent
        from penstock.portal import Portal
        portal, ended = Portal(), []
        async def broken():
            raise ValueError("x")
        async def slow():
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cancelled")
        try:
            portal.run(broken(), "")
        except ValueError as error:
            print(error)
        try:
            with gevent.Timeout(0.2):
                portal.run(slow(), "")
        except gevent.Timeout:
            print("timeout")
        portal.run(asyncio.sleep(0.1), "")
        print(ended[0])
    """).split() == ["x", "timeout", "cancelled"]


def test_names_are_resolved_and_nothing_is_left_open() -> None:
    assert run_patched("""
        import asyncio, os
        from gevent.server import StreamServer
        from penstock.portal import Portal
        server = StreamServer(("127.0.0.1", 0), lambda connection, _: connection.sendall(b"hello"))
        server.start()
        async def ask():
            reader, writer = await asyncio.open_connection("localhost", server.server_port)
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            return said
        portal = Portal()
        print(portal.run(ask(), "").decode())
        for _ in range(20):
            portal.run(ask(), "")
        print(len(os.listdir("/proc/self/fd")) < 30)
    """).split() == ["hello", "True"]
