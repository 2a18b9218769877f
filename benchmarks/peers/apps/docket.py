"""docket: `add_many` in one pipeline, uvloop, its longest check interval that costs nothing."""

import os
from datetime import timedelta

import uvloop
from benchmarks.peers import adapter, functions
from docket import Docket, Worker

url = f"{os.environ[adapter.REDIS]}?max_connections=1000"
tasks = {function.__name__: function for function in functions.ASYNC}
collection = list(functions.ASYNC)


class connect:
    async def __aenter__(self):
        self.docket = await Docket(url=url).__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.docket.__aexit__(*error)

    async def enqueue(self, function, count):
        arguments = functions.ARGUMENTS.get(function, {})
        calls = (self.docket.call(tasks[function])(**arguments) for _ in range(count))
        await self.docket.add_many(calls, chunk_size=None)

    async def send(self, function, *args):
        return await self.docket.add(tasks[function])(*args)

    async def result(self, execution):
        return await execution.get_result()


async def work():
    await Worker.run(
        url=url,
        concurrency=int(os.environ[adapter.CONCURRENCY]),
        minimum_check_interval=timedelta(milliseconds=5),
        tasks=[f"{__spec__.name}:collection"],
    )


if __name__ == "__main__":
    uvloop.run(work())
