"""What runs inside a child process: calls in, answers out, over one pipe, until the other end is closed."""

from __future__ import annotations

import asyncio
import importlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache, partial, reduce
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from penstock import codec
from penstock.context import TaskContext
from penstock.definition import Definition, Options
from penstock.retry import Retry
from penstock.worker.failure import described, lineage

__all__ = ["Answer", "Call", "Died", "Error", "Progress", "Value", "decode", "serve"]


class Call(Struct, frozen=True):
    """One attempt: where its function is found, and the JSON array `[args, kwargs]`."""

    module: str
    qualname: str
    id: str
    task: str
    attempt: int
    payload: bytes


class Progress(Struct, frozen=True, tag=True, tag_field="said"):
    """What the task says of itself meanwhile."""

    percent: float | None
    message: str


class Value(Struct, frozen=True, tag=True, tag_field="said"):
    """The function returned; JSON."""

    data: bytes


class Error(Struct, frozen=True, tag=True, tag_field="said"):
    """It raised. `lineage` are the qualified names of the exception's classes; `is_retry` if it was Retry."""

    type: str
    message: str
    traceback: str
    lineage: tuple[str, ...]
    is_retry: bool = False
    retry_delay: float | None = None


class Died(Struct, frozen=True, tag=True, tag_field="said"):
    """The process ended under it: a segmentation fault, os._exit, the kernel's memory killer."""

    exitcode: int


Answer = Value | Error | Died
_decoder: msgspec.msgpack.Decoder[Value | Error | Progress] = msgspec.msgpack.Decoder(Value | Error | Progress)


def decode(data: bytes) -> Value | Error | Progress:
    """What a child said."""
    return _decoder.decode(data)


class _Terminated(SystemExit):
    """SIGTERM came: unlike a task's own sys.exit, it ends the process."""


def serve(pipe: Connection) -> None:
    """The child's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_end_with_parent, args=(pipe.fileno(),), daemon=True).start()
    sending = threading.Lock()
    while True:
        try:
            call = msgspec.msgpack.decode(pipe.recv_bytes(), type=Call)
        except (EOFError, OSError):
            return
        answer = _answer(call, partial(_tell, pipe, sending))
        with sending:
            pipe.send_bytes(msgspec.msgpack.encode(answer))


def _terminate(number: int, frame: object) -> NoReturn:
    raise _Terminated(128 + number)


def _end_with_parent(fileno: int) -> None:
    """The parent's end is closed when it dies, however that happens: a task that is under way must not outlive it."""
    poll = select.poll()
    poll.register(fileno, 0)  # hang-ups are always told
    poll.poll()
    os._exit(1)


def _tell(pipe: Connection, sending: threading.Lock, percent: float | None, message: str) -> None:
    with sending:
        pipe.send_bytes(msgspec.msgpack.encode(Progress(percent, message)))


def _answer(call: Call, tell: Callable[[float | None, str], None]) -> Value | Error:
    try:
        return Value(codec.encode_value(_run(call, tell)))
    except _Terminated:
        raise
    except SystemExit as error:  # it would end the child, and count as a crash
        return _error(RuntimeError(f"the task called sys.exit({error.code!r})"))
    except BaseException as error:
        return _error(error)


def _run(call: Call, tell: Callable[[float | None, str], None]) -> object:
    definition = _definition(call.module, call.qualname)
    context = TaskContext(call.id, call.task, call.attempt, _tell=tell)
    args, kwargs = definition.arguments(*codec.decode_call(call.payload), context)
    value = definition.function(*args, **kwargs)
    return asyncio.run(value) if definition.is_async else value


@cache
def _definition(module: str, qualname: str) -> Definition:
    """The task by the name of its function, which `@app.task` may have replaced by the Task."""
    # A script's own module goes by another name in a child (see multiprocessing's rules for "spawn").
    name = "__mp_main__" if module == "__main__" and "__mp_main__" in sys.modules else module
    found: Any = reduce(getattr, qualname.split("."), importlib.import_module(name))
    definition = getattr(found, "definition", None)
    return definition if isinstance(definition, Definition) else Definition(qualname, found, Options("child"))


def _error(error: BaseException) -> Error:
    failure = described(error)
    asked = error if isinstance(error, Retry) else None
    return Error(
        failure.type,
        failure.message,
        failure.traceback,
        lineage(type(error)),
        asked is not None,
        asked.delay if asked else None,
    )
