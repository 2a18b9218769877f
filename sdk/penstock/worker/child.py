"""What runs inside a child process: calls come in over a socket and answers go out, until the other end is closed."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import cache, partial, reduce
from queue import SimpleQueue
from typing import Any, Literal, NoReturn

import msgspec
from msgspec import Struct

from penstock import progress, tasklog
from penstock.broker.messages import Lease
from penstock.context import StopFlag, TaskContext
from penstock.definition import Definition, Options
from penstock.family import Parent, running
from penstock.keys import queue_of
from penstock.retry import Retry, Snooze, wished
from penstock.worker.alone import called
from penstock.worker.databases import as_in_a_request
from penstock.worker.ending import meant
from penstock.worker.failure import described, lineage
from penstock.worker.result import encoded

__all__ = ["HEAD", "Answer", "Call", "Died", "Error", "Progress", "Value", "decode", "frame", "serve"]

HEAD = 8  # bytes that say how long the message behind them is
PROGRESS_SECONDS = 0.05  # between two words on progress
TERMINATED = 128 + signal.SIGTERM


class Call(Struct, frozen=True):
    """One attempt: where its function is found, and the JSON array `[args, kwargs]`."""

    module: str
    qualname: str
    id: str
    task: str
    attempt: int
    payload: bytes


class Progress(Struct, frozen=True, tag=True, tag_field="said"):
    """What the task `id` says of itself meanwhile."""

    id: str
    percent: float | None
    message: str
    data: bytes = b""


class Value(Struct, frozen=True, tag=True, tag_field="said"):
    """The function returned; JSON."""

    data: bytes


class Error(Struct, frozen=True, tag=True, tag_field="said"):
    """It raised. `lineage` are the qualified names of the exception's classes; `wish` if it was Retry or
    Snooze, after `delay` seconds."""

    type: str
    message: str
    traceback: str
    lineage: tuple[str, ...]
    wish: Literal["", "retry", "snooze"] = ""
    delay: float | None = None


class Died(Struct, frozen=True, tag=True, tag_field="said"):
    """The process ended under it: a segmentation fault, os._exit, the kernel's memory killer. −N: by signal N."""

    exitcode: int


Answer = Value | Error | Died
_decoder: msgspec.msgpack.Decoder[Value | Error | Progress] = msgspec.msgpack.Decoder(Value | Error | Progress)
_call_decoder = msgspec.msgpack.Decoder(Call)


def frame(message: Struct) -> bytes:
    """A message as it travels."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(HEAD) + data


def decode(data: bytes) -> Value | Error | Progress:
    """What a child said."""
    return _decoder.decode(data)


# --- finding the function ---------------------------------------------------------------------------------------------


@cache
def _definition(module: str, qualname: str) -> Definition:
    """The task by the name of its function, which `@app.task` may have replaced by the Task."""
    found: Any = reduce(getattr, qualname.split("."), importlib.import_module(module))
    definition = getattr(found, "definition", None)
    return definition if isinstance(definition, Definition) else Definition("", found, Options("child"))


def _wanted(call: Call) -> Definition:
    definition = _definition(call.module, call.qualname)
    if definition.name not in ("", call.task):  # a second function of that name hides the first
        raise LookupError(f"{call.module}.{call.qualname} is {definition.name!r} and not {call.task!r}: rename one")
    return definition


# --- the process ------------------------------------------------------------------------------------------------------


class _Terminated(SystemExit):
    """SIGTERM came. A SystemExit, because asyncio lets no other exception of a callback end its loop."""


def serve(line: socket.socket, level: int, prepare: Callable[[], None] | None = None) -> NoReturn:
    """The child's main function. `level` is that of the parent's root logger; `prepare` comes before the tasks."""
    line.settimeout(None)
    os.setpgrp()  # so that what a task has started ends with it; and Ctrl-C in a terminal reaches the parent alone
    multiprocessing.current_process().daemon = False  # a daemon's tasks couldn't use multiprocessing themselves
    tasklog.configure(logging.getLevelName(level))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()
    stop = StopFlag()
    with suppress(_Terminated):
        signal.signal(signal.SIGTERM, partial(_terminate, stop))
        _work(line, stop)
    _flush()
    os._exit(TERMINATED)  # threads that a task has left behind would hold up anything gentler


def _terminate(stop: StopFlag, number: int, _: object) -> None:
    if not stop.is_set():  # a second one mustn't break into the `finally` that the first has led to
        stop.set()
        raise _Terminated(128 + number)


def _work(line: socket.socket, stop: StopFlag) -> None:
    calls: SimpleQueue[Call] = SimpleQueue()
    own = os.getpid()
    voice = _Voice(line)
    threading.Thread(target=_listen, args=(line, calls), daemon=True).start()
    while not stop.is_set():  # a task may have swallowed the exception
        call = calls.get()
        context = TaskContext(call.id, call.task, call.attempt, _stop=stop, _tell=partial(voice.tell, call.id))
        running.set(Parent(Lease(queue_of(call.id), call.id, "")))
        answer = _answer(call, context, copy_context())  # its own: the next call sees nothing of what this one sets
        if os.getpid() != own:  # the task has forked, and this is the child's way out: the answer is the parent's
            os._exit(isinstance(answer, Error))
        _flush()
        voice.answer(answer)


def _listen(line: socket.socket, calls: SimpleQueue[Call]) -> None:
    """In a thread, even while a task runs: the parent's end is closed when it dies, however that happens."""
    try:
        with line.makefile("rb") as incoming:
            while head := incoming.read(HEAD):
                calls.put(_call_decoder.decode(incoming.read(int.from_bytes(head))))
    finally:
        with suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(TERMINATED)


def _flush() -> None:
    with suppress(Exception):  # a task may have closed or replaced it
        print(end="", flush=True)


class _Voice:
    """What the child says. Progress waits for a thread of its own, and only the latest word of it: a task may tell in
    every round of a tight loop, and the parent is one process for many."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._turn = threading.Lock()
        self._latest: deque[Progress] = deque(maxlen=1)
        self._news = threading.Event()
        threading.Thread(target=self._tell_on, daemon=True).start()

    def tell(self, id: str, said: progress.Progress) -> None:
        """Take a word on progress. From any thread."""
        self._latest.append(Progress(id, said.percent, said.message, said.data))
        self._news.set()

    def answer(self, answer: Value | Error) -> None:
        """Say how the call ended, after the last word on its progress."""
        with self._turn:
            self._tell_latest()
            self._say(answer)

    def _tell_on(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            with self._turn, suppress(OSError):  # the parent is gone: the listening thread sees that too
                self._tell_latest()
            time.sleep(PROGRESS_SECONDS)

    def _tell_latest(self) -> None:
        if self._latest:
            self._say(self._latest.popleft())

    def _say(self, message: Struct) -> None:
        self._line.sendall(frame(message))


# --- one call ---------------------------------------------------------------------------------------------------------


def _answer(call: Call, context: TaskContext, variables: Context) -> Value | Error:
    try:
        definition = _wanted(call)
        with as_in_a_request():
            value = called(definition, call.payload, context, variables)
        return Value(variables.run(encoded, definition, value))
    except _Terminated:
        raise
    except BaseException as error:
        return _error(meant(error))


def _error(error: BaseException) -> Error:
    failure = described(error)
    wish: Literal["", "retry", "snooze"] = ""
    if isinstance(error, Retry | Snooze):
        wish = "retry" if isinstance(error, Retry) else "snooze"
    return Error(
        failure.type,
        failure.message,
        failure.traceback,
        # A script's own classes belong to a module of another name here than in the parent.
        tuple(name.replace("__mp_main__.", "__main__.") for name in lineage(type(error))),
        wish,
        wished(error) if isinstance(error, Retry | Snooze) else None,
    )
