"""streaQ: uvloop by `anyio_kwargs`, no log line a task, `enqueue_many` (one pipeline)."""

import os

from benchmarks.peers import adapter, functions
from streaq import Worker

worker = Worker(
    redis_url=os.environ[adapter.REDIS],
    concurrency=int(os.environ[adapter.CONCURRENCY]),
    anyio_kwargs={"use_uvloop": True},
)
tasks = {function.__name__: worker.task(silent=True)(function) for function in functions.ASYNC}


class connect:
    async def __aenter__(self):
        await worker.__aenter__()
        return self

    async def __aexit__(self, *error):
        await worker.__aexit__(*error)

    async def enqueue(self, function, count):
        await worker.enqueue_many([tasks[function].enqueue() for _ in range(count)])

    async def send(self, function, *args):
        return await tasks[function].enqueue(*args)

    async def result(self, handle):
        return (await handle.result()).result
