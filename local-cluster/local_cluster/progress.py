"""Progress lines on stderr, each with the seconds since the command began."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BEGAN = time.monotonic()
_QUIET_SECONDS = 30.0


def say(text: str) -> None:
    """Print one line."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def live(text: str, expectation: str) -> Iterator[None]:
    """Tell, while the block runs, for how long it has been running.

    On a terminal it's one line that counts; in a log, a line now and then,
    because CI systems end jobs that stay silent.
    """
    say(f"{text} ({expectation})")
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(text, expectation, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _tell(text: str, expectation: str, ended: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    began = time.monotonic()
    while not ended.wait(1.0 if terminal else _QUIET_SECONDS):
        line = f"{text} … {time.monotonic() - began:.0f} s ({expectation})"
        if terminal:
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        else:
            say(line)
    if terminal:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
