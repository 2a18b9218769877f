"""Penstock: `enqueue_many`, and a handle that awaits the result."""

from benchmarks.peers import functions

from penstock import Penstock, tracing

app = Penstock("bench")
tasks = {function.__name__: app.task(function) for function in functions.ASYNC}


class connect:
    async def __aenter__(self):
        self._flush = tracing.configure("bench")
        return self

    async def __aexit__(self, *_):
        await app.close()
        self._flush()

    async def enqueue(self, function, count):
        await app.enqueue_many(tasks[function].s() for _ in range(count))

    async def send(self, function, *args):
        return await tasks[function].enqueue(*args)

    async def result(self, handle):
        return await handle.result()
