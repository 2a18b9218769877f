"""streaQ: uvloop by `anyio_kwargs`, no log line a task, `enqueue_many` (one pipeline)."""

import os

from benchmarks.peers import adapter, functions, models
from streaq import Worker

worker = Worker(
    redis_url=os.environ[adapter.REDIS],
    concurrency=int(os.environ[adapter.CONCURRENCY]),
    anyio_kwargs={"use_uvloop": True},
)
tasks = {one.__name__: worker.task(silent=True)(one) for one in (*functions.ASYNC, functions.thread, models.model)}


class connect:
    async def __aenter__(self):
        await worker.__aenter__()
        return self

    async def __aexit__(self, *error):
        await worker.__aexit__(*error)

    async def enqueue(self, function, count):
        arguments = models.ARGUMENTS.get(function, {})
        await worker.enqueue_many([tasks[function].enqueue(**arguments) for _ in range(count)])

    async def send(self, function, *args):
        return await tasks[function].enqueue(*args)

    async def result(self, handle):
        return (await handle.result()).result
