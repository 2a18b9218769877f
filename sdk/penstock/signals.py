"""Hears the signals that ask a process to stop, and makes sure that it leaves in time.

Code that a process runs for others may set signal handlers of its own, block the main thread, or fork. So:

* A thread hears the signals, by the descriptor to which Python's own C handler writes their numbers
  (`signal.set_wakeup_fd`). It needs neither the main thread nor the event loop.
* Handlers and descriptor are looked at every second and set again where other code has changed them.
* A forked child gets Python's defaults back: a signal to the child must not reach its parent by the inherited
  descriptor.
* What a task sends to its own process isn't what an operator wants (see `OwnSignals`).
* The same thread ends the process once its time is over, whatever holds it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from penstock.own_signals import OwnSignals
from penstock.stop import Stop, Wish, until, wish

__all__ = ["Watch", "exit_now", "flush_output"]

log = logging.getLogger("penstock.worker")
LOOK_SECONDS = 1.0  # between two looks whether the signals still come here
FLUSH_SECONDS = 1.0  # for the last log lines; standard error may be a pipe that nobody reads
STUCK_SECONDS = 2.0  # beyond its time: then a thread keeps the interpreter, and ours can't run
FORCED = 1  # exit code of a process whose time was over
NUMBERS = (signal.SIGTERM, signal.SIGINT)


class Watch:
    """One a process, from its main thread.

    `patience`: seconds from being asked to stop to leaving, whatever still runs. `heeded`: the signals that count; a
    supervised process leaves SIGINT, which a terminal sends to all of a group, to its supervisor.
    """

    def __init__(self, stop: Stop, patience: float, heeded: tuple[signal.Signals, ...] = NUMBERS) -> None:
        self._stop = stop
        self._patience = patience
        self._heeded = heeded
        self._own = OwnSignals()
        self._inbox, self._outbox = socket.socketpair()
        self._outbox.setblocking(False)
        self._handler = self._handled  # one object, to be compared by identity
        self._handlings: Counter[int] = Counter()  # by Python's handler, in the main thread
        self._readings: Counter[int] = Counter()  # by the descriptor; either may miss some
        self._taken: Counter[int] = Counter()
        self._wishes = 0
        self._until: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._next: int | None = None  # a duplicate of the loop's own descriptor: it hears everything besides

    def start(self) -> None:
        """Begin, inside the running loop of the main thread."""
        self._loop = asyncio.get_running_loop()
        self._stop.begun = self.bound
        for number in NUMBERS:
            signal.signal(number, self._handler)
        self._own.note_them()
        os.register_at_fork(after_in_child=self._forked)
        threading.Thread(target=self._listen, name="penstock-signals", daemon=True).start()
        self._look()

    def bound(self) -> None:
        """The process is about to leave of its own accord. From any thread."""
        self._until = until(self._until, Wish.DRAIN, time.monotonic(), self._patience)
        self._nudge()

    def hold(self) -> None:
        """The loop has ended, and took its descriptor along."""
        self._loop = None
        if self._looking is not None:
            self._looking.cancel()
        self._listen_here()

    # --- in the main thread -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Set again what was changed."""
        for number in NUMBERS:
            found = signal.getsignal(number)
            if found is not self._handler:
                signal.signal(number, self._handler)
                log.warning(
                    "%s was set to %s by code in this process; taken back, so that the worker can be stopped. "
                    "Tasks mustn't set handlers of SIGTERM and SIGINT. Running now: %s",
                    *(number.name, _named(found), self._running()),
                )
        self._listen_here()
        if self._loop is not None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)

    def _listen_here(self) -> None:
        found = signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        if found in (-1, self._outbox.fileno()):
            return
        before, self._next = self._next, None
        with suppress(OSError):
            self._next = os.dup(found)  # its own number may be given to another file by the time it is written to
        if before is not None:
            os.close(before)

    def _handled(self, number: int, _: FrameType | None) -> None:
        self._handlings[number] += 1
        self._nudge()

    def _nudge(self) -> None:
        with suppress(OSError):  # full: then it is awake
            self._outbox.send(b"\0")

    def _forked(self) -> None:
        """In a child: it is a process of its own, and nothing of this is its."""
        with suppress(ValueError):  # not its main thread: Python forks so only from embedded interpreters
            signal.set_wakeup_fd(-1)
            for number, default in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
                if signal.getsignal(number) is self._handler:
                    signal.signal(number, default)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while True:
            self._inbox.settimeout(None if self._until is None else max(0.001, self._until - time.monotonic()))
            try:
                data = self._inbox.recv(4096)
            except TimeoutError:
                data = b""
            self._readings.update(byte for byte in data if byte)
            self._pass_on(data)
            self._decide()
            if self._until is not None and time.monotonic() >= self._until:
                exit_now(FORCED, f"its time is over: {self._holding()}")

    def _pass_on(self, data: bytes) -> None:
        if self._next is not None and (numbers := bytes(filter(None, data))):
            with suppress(OSError):
                os.write(self._next, numbers)
        if self._loop is not None and any(data):
            with suppress(RuntimeError):  # it was closed meanwhile
                self._loop.call_soon_threadsafe(_nothing)  # Python's handlers of other signals run by that

    def _decide(self) -> None:
        for number in NUMBERS:
            while self._taken[number] < max(self._handlings[number], self._readings[number]):
                self._taken[number] += 1
                if self._own.take(number):
                    log.warning(
                        "%s came from a task in this process: ignored, for workers are stopped from outside. "
                        "Running now: %s",
                        *(number.name, self._running()),
                    )
                elif number in self._heeded:
                    self._heed(number)

    def _heed(self, number: signal.Signals) -> None:
        self._wishes += 1
        asked = wish(self._wishes)
        self._until = until(self._until, asked, time.monotonic(), self._patience)
        _arm(self._until + STUCK_SECONDS - time.monotonic())
        if asked is Wish.LEAVE:
            exit_now(128 + number, f"{number.name} for the third time: leaving without what still runs")
        if asked is Wish.DRAIN:
            self._stop.by = number
        if self._loop is not None:
            with suppress(RuntimeError):  # it was closed meanwhile
                act = self._stop.asked.set if asked is Wish.DRAIN else self._stop.hand_back
                self._loop.call_soon_threadsafe(act)

    def _running(self) -> str:
        return ", ".join(self._stop.running()) or "nothing"

    def _holding(self) -> str:
        threads = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
        return f"running are {self._running()}; threads {', '.join(threads) or 'none'}"


def exit_now(code: int, why: str) -> NoReturn:
    """End this process at once, after the last log lines."""
    last = threading.Thread(target=_last_words, args=(why,), daemon=True)
    last.start()
    last.join(FLUSH_SECONDS)
    os._exit(code)


def _last_words(why: str) -> None:
    log.error("%s", why)
    flush_output()


def flush_output() -> None:
    """Write out the last log lines, before an `os._exit`."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a task may have closed or replaced it
            stream.flush()


def _arm(seconds: float) -> None:
    """End the process then by a thread of C, which needs no interpreter lock; it shows where each thread stands."""
    with suppress(Exception):  # without standard error
        faulthandler.dump_traceback_later(seconds, exit=True)


def _named(handler: Callable[..., object] | int | None) -> str:
    if isinstance(handler, signal.Handlers):
        return handler.name
    return getattr(handler, "__qualname__", repr(handler))


def _nothing() -> None: ...
