"""SAQ: `enqueue`s gathered (20 at a time, its own bound), no time limit, results for ever, uvloop."""

import asyncio
import os
from contextlib import suppress

import uvloop
from benchmarks.peers import adapter, functions
from saq import Queue

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
LOOK_SECONDS = 0.05  # it may miss the notification that comes just before it listens, and would wait for ever
queue = Queue.from_url(os.environ[adapter.REDIS])


def task(function):
    """SAQ passes its context first, and arguments by their names."""

    async def run(_context, **arguments):
        return await function(**arguments)

    return function.__name__, run


def thread(_context):
    """SAQ runs a plain function in a thread."""
    return functions.thread()


settings = {
    "queue": queue,
    "functions": [*(task(function) for function in functions.ASYNC), ("thread", thread)],
    "concurrency": int(os.environ[adapter.CONCURRENCY]),
}


class connect:
    async def __aenter__(self):
        await queue.connect()
        return self

    async def __aexit__(self, *_):
        await queue.disconnect()

    async def enqueue(self, function, count):
        arguments = functions.ARGUMENTS.get(function, {})
        await asyncio.gather(*(self.queue(function, **arguments) for _ in range(count)))

    async def send(self, function, *args):
        return await self.queue(function, **({"sent": args[0]} if args else {}))

    async def queue(self, function, **arguments):
        return await queue.enqueue(function, timeout=0, ttl=0, **arguments)

    async def result(self, job):
        while not job.completed:
            with suppress(TimeoutError):
                await job.refresh(until_complete=LOOK_SECONDS)
        return job.result
