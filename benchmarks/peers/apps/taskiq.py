"""Taskiq: RedisStreamBroker and RedisAsyncResultBackend; `kiq`s gathered, as it has no call for many."""

import asyncio
import os

from benchmarks.peers import adapter, functions, models
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

AT_ONCE = 10  # a connection each; measured fastest among 5, 10, 20, 50 and 100

url = os.environ[adapter.REDIS]
broker = RedisStreamBroker(url).with_result_backend(RedisAsyncResultBackend(url, prefix_str="result"))
run = (*functions.ASYNC, functions.thread, models.model)
tasks = {one.__name__: broker.task(task_name=one.__name__)(one) for one in run}


class connect:
    async def __aenter__(self):
        await broker.startup()
        return self

    async def __aexit__(self, *_):
        await broker.shutdown()

    async def enqueue(self, function, count):
        arguments = models.ARGUMENTS.get(function, {})
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*(tasks[function].kiq(**arguments) for _ in range(first, min(first + AT_ONCE, count))))

    async def send(self, function, *args):
        return await tasks[function].kiq(*args)

    async def result(self, handle):
        return (await handle.wait_result(check_interval=0.001)).return_value
