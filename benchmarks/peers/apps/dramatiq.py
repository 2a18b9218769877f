"""Dramatiq: Redis broker, results kept, eight threads; `send` in a loop, as it has no call for many."""

import os

import dramatiq
from benchmarks.peers import adapter, functions
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

url = os.environ[adapter.REDIS]
broker = RedisBroker(url=url)
broker.add_middleware(Results(backend=RedisBackend(url=url, use_namespace_prefix_keys=True), store_results=True))
dramatiq.set_broker(broker)
tasks = {name: dramatiq.actor(function, actor_name=name) for name, function in functions.SYNC.items()}


class connect:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        broker.close()

    async def enqueue(self, function, count):
        arguments = functions.ARGUMENTS.get(function, {})
        for _ in range(count):
            tasks[function].send(**arguments)

    async def send(self, function, *args):
        return tasks[function].send(*args)

    async def result(self, message):
        return message.get_result(block=True)
