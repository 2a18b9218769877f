"""Penstock: `enqueue_many`, and a handle that awaits the result."""

from benchmarks.peers import functions, models

from penstock import Penstock, tracing

app = Penstock("bench")
tasks = {one.__name__: app.task(one) for one in (*functions.ASYNC, functions.thread, models.model)}


class connect:
    async def __aenter__(self):
        self._flush = tracing.configure("bench")
        return self

    async def __aexit__(self, *_):
        await app.close()
        self._flush()

    async def enqueue(self, function, count):
        arguments = models.ARGUMENTS.get(function, {})
        await app.enqueue_many(tasks[function].s(**arguments) for _ in range(count))

    async def send(self, function, *args):
        return await tasks[function].enqueue(*args)

    async def result(self, handle):
        return await handle.result()
